// What a node says where it does not answer a question as asked: {"error": {"code", "what",
// "next_step"}}, as an error.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace troupe {

// Of a body that does not say so: malformed.
Error error_of_body(std::string_view node, std::string_view body);

}  // namespace troupe
