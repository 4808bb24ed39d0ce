#include "client/node_error.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace troupe {
namespace {

using nlohmann::json;

std::string text_of(const json& error, const char* key) {
  const auto found = error.find(key);
  return found != error.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Error error_of_body(std::string_view node, std::string_view body) {
  const json read = json::parse(body, nullptr, false);
  const auto found = read.is_object() ? read.find("error") : read.end();
  const json error = read.is_object() && found != read.end() ? *found : json();
  if (error.is_object()) {
    const auto code = text_of(error, "code");
    for (std::uint16_t raw = 1; is_error_code(raw); ++raw)
      if (name(static_cast<ErrorCode>(raw)) == code)
        return {static_cast<ErrorCode>(raw), text_of(error, "what"), text_of(error, "next_step")};
    // A code that a later version has and this one does not know.
    if (const auto what = text_of(error, "what"); !what.empty())
      return {ErrorCode::internal, code + ": " + what, text_of(error, "next_step")};
  }
  return {ErrorCode::malformed,
          "node '" + std::string(node) + "' refused the question and did not say why", ""};
}

}  // namespace troupe
