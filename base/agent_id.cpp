#include "base/agent_id.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace troupe {
namespace {

bool is_part(std::string_view part) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.:@").find(c) != std::string_view::npos;
  };
  return !part.empty() && part.size() <= limits::name_bytes_max &&
         std::all_of(part.begin(), part.end(), allowed);
}

}  // namespace

std::string to_string(const AgentId& id) {
  return id.type + "/" + id.key;
}

Result<AgentId> parse_agent_id(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || !is_part(text.substr(0, slash)) ||
      !is_part(text.substr(slash + 1)))
    return Error{
        ErrorCode::invalid_argument,
        "'" + std::string(text.substr(0, 2 * limits::name_bytes_max)) + "' is not an agent id",
        "write type/key with letters, digits and -_.:@, like librarian/017"};
  return AgentId{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

}  // namespace troupe
