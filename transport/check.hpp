// What makes a message valid, whichever way it goes: the encoder asks before it writes, so that
// nobody sends what the other side must refuse, and the decoder asks after it has read.
//
// Checked are lengths and counts against base/limits.hpp, names (UTF-8 without control characters),
// agent ids, task ids that are none, and numbers that must be finite. Texts to encode and bodies of
// messages may be any bytes: what they mean is the receiver's business. Pure, any thread.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "transport/message.hpp"

namespace troupe::transport {

// Errors: too_large over a limit, else invalid_argument.
Status check(const Message& message);

}  // namespace troupe::transport
