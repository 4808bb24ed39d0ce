// How messages and frames go together where they do not one to one (docs/wire.md, "Framing"):
// several small messages that wait together share a frame, which is encrypted and handed over once;
// one large message goes in parts, so that nothing urgent has to wait for the whole of it.
//
// Only single-frame messages are shared or cut; those with a framed tensor travel as they are.
// Pure; what is read trusts nothing. A view that is given points into the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe::transport {

// A shared frame grows to so much; larger messages gain nothing from company.
inline constexpr std::size_t shared_frame_bytes = std::size_t{16} * 1024;
inline constexpr std::size_t shared_message_bytes_max = std::size_t{4} * 1024;
// What is read: another sender may think otherwise, within reason.
inline constexpr std::size_t shared_frame_bytes_max = std::size_t{64} * 1024;

[[nodiscard]] bool is_shared_frame(std::string_view frame) noexcept;
[[nodiscard]] bool is_part(std::string_view frame) noexcept;

// Collects messages into one frame.
class SharedFrame {
 public:
  // False when it does not belong in there any more.
  bool add(std::string_view message);
  [[nodiscard]] std::size_t messages() const noexcept { return messages_; }
  [[nodiscard]] std::string take() &&;

 private:
  std::string bytes_;
  std::size_t messages_ = 0;
};

// Takes a shared frame apart, message by message.
class SharedFrameReader {
 public:
  // `frame` is a shared one. Errors: malformed.
  static Result<SharedFrameReader> open(std::string_view frame);
  // None at the end.
  std::optional<std::string_view> next() noexcept;

 private:
  explicit SharedFrameReader(std::string_view messages) noexcept : left_(messages) {}
  std::string_view left_;
};

// The part of `message` that begins at `at`, with so many bytes of it, or those that are left.
[[nodiscard]] std::string write_part(std::string_view message, std::size_t at, std::size_t bytes);

// Puts the parts of one message after the other together. One for each connection and lane.
class Reassembly {
 public:
  // `frame` is a part. The message, if this was its last part. Errors: malformed, and what came so
  // far is forgotten.
  Result<std::optional<std::string>> add(std::string_view frame);

 private:
  Error broken(const char* what);

  std::string bytes_;
  std::uint32_t total_ = 0;  // of the message that is coming; 0: none is
};

}  // namespace troupe::transport
