// From error codes to HTTP: which status each has, and the words that belong to a status.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace troupe::gateway {

// queue_full and infeasible 429, expired 504, draining and unreachable 503, model_missing and
// not_found 404, unauthorized 401, too_large 413, what the client got wrong 400, what is ours 500.
unsigned status_of(ErrorCode code) noexcept;

// Whether the same request may succeed a little later, which Retry-After says.
bool is_worth_retrying(ErrorCode code) noexcept;

// "Not Found".
std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace troupe::gateway
