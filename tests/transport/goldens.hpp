// The golden messages of the wire format, as values and as the committed bytes
// (tests/data/wire-goldens.txt, written once by tests/transport/check_wire.py).
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/message.hpp"
#include "transport/wire.hpp"

namespace troupe::transport::testing {

using Bytes = std::vector<std::string>;  // one string per frame

// By name; "~" in front: only to be decoded.
std::map<std::string, Bytes> read_goldens();

// What each of them means; those without "~" in the file.
std::map<std::string, Message> golden_messages();

Bytes bytes_of(const Frames& frames);
Result<Message> decode_bytes(const Bytes& frames);

}  // namespace troupe::transport::testing
