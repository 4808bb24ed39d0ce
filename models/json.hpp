// JSON from outside, stricter than the library alone: no key twice in an object and no deep
// nesting, and an Error in place of an exception.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe::models {

inline constexpr std::size_t json_depth_max = 32;

// `what` names the text in errors ("/models/minilm/config.json"), which are model_damaged. The
// caller limits the text's size. A number that fits no double is an error too.
Result<nlohmann::json> parse_json(std::string_view text, const std::string& what);

// A string from outside as it may stand in a message: in quotes, escaped, of bounded length.
std::string quoted(const std::string& text);

}  // namespace troupe::models
