#include "models/json.hpp"

#include <optional>
#include <unordered_set>
#include <vector>

namespace troupe::models {
namespace {

Error damaged(const std::string& what, const std::string& why) {
  return {ErrorCode::model_damaged, what + ": " + why, "fetch the model again"};
}

// Counted before parsing, because the library's own stack grows with each level.
bool too_deep(std::string_view text) noexcept {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > json_depth_max) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// Sees the keys as they come; the library itself keeps the last of equal ones and says nothing.
class Duplicates {
 public:
  bool operator()(int, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) {
      keys_.emplace_back();
    } else if (event == Event::object_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second && !first_) first_ = key;
    }
    return true;
  }

  [[nodiscard]] const std::optional<std::string>& first() const noexcept { return first_; }

 private:
  std::vector<std::unordered_set<std::string>> keys_;
  std::optional<std::string> first_;
};

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, const std::string& what) {
  if (too_deep(text))
    return damaged(what, "JSON nested deeper than " + std::to_string(json_depth_max));
  Duplicates duplicates;
  try {
    auto json = nlohmann::json::parse(text.begin(), text.end(), std::ref(duplicates));
    if (duplicates.first())
      return damaged(what, "the key " + quoted(*duplicates.first()) + " stands twice");
    return json;
  } catch (const nlohmann::json::parse_error& error) {
    // The library's own words may quote bytes that are not UTF-8.
    return damaged(what, "not valid JSON at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::exception& error) {
    return damaged(what, "JSON that cannot be read (" + std::to_string(error.id) + ")");
  }
}

std::string quoted(const std::string& text) {
  constexpr std::size_t bytes_max = 128;
  using Handler = nlohmann::json::error_handler_t;
  const bool cut = text.size() > bytes_max;
  return nlohmann::json(cut ? text.substr(0, bytes_max) : text)
             .dump(-1, ' ', true, Handler::replace) +
         (cut ? "..." : "");
}

}  // namespace troupe::models
