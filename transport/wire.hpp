// Messages to bytes and back. docs/wire.md describes every byte; tests/data/wire-goldens.txt pins
// them.
//
// A message is one frame (header, body, small tensor, extensions) or, with a tensor of at least
// tensor_frame_bytes_min, two, so that large tensors are never copied behind a header. The decoder
// trusts nothing: every length, count, enumeration, name and number is checked, and bytes left over
// are an error. It skips extensions that it does not know. Pure functions, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "transport/message.hpp"

namespace troupe::transport {

// Below this a tensor travels inside the first frame: a second frame costs more than the copy.
inline constexpr std::size_t tensor_frame_bytes_min = std::size_t{6} * 1024;
// An error's texts are cut here, so that an outcome can always be sent.
inline constexpr std::size_t error_text_bytes_max = std::size_t{4} * 1024;

struct Frames {
  std::string head;
  std::string tensor;  // empty: there is no second frame

  [[nodiscard]] std::size_t bytes() const noexcept { return head.size() + tensor.size(); }
};

// Time limits go out in whole microseconds, rounded down; negative ones as zero, those over a year
// as a year; timings are clamped likewise. Errors: those of check() (check.hpp).
Result<Frames> encode(const Message& message);

// Errors: malformed; unsupported for another major version of the protocol. An error code that this
// build does not know becomes `internal`, its texts kept.
Result<Message> decode(std::span<const std::string_view> frames);

}  // namespace troupe::transport
