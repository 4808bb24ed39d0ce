#include "transport/framing.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "transport/bytes.hpp"

namespace troupe::transport {
namespace {

constexpr std::string_view shared_magic = "TRPS";
constexpr std::string_view part_magic = "TRPP";
constexpr std::size_t length_bytes = sizeof(std::uint32_t);

Error malformed(const char* what) {
  return {ErrorCode::malformed, what, ""};
}

}  // namespace

bool is_shared_frame(std::string_view frame) noexcept {
  return frame.starts_with(shared_magic);
}

bool is_part(std::string_view frame) noexcept {
  return frame.starts_with(part_magic);
}

bool SharedFrame::add(std::string_view message) {
  if (message.size() > shared_message_bytes_max) return false;
  if (bytes_.empty()) {
    bytes_.reserve(shared_frame_bytes);
    bytes_ = shared_magic;
  }
  if (bytes_.size() + length_bytes + message.size() > shared_frame_bytes) return false;
  Writer(bytes_).text32(message);
  ++messages_;
  return true;
}

std::string SharedFrame::take() && {
  messages_ = 0;
  return std::exchange(bytes_, {});
}

Result<SharedFrameReader> SharedFrameReader::open(std::string_view frame) {
  if (frame.size() > shared_frame_bytes_max) return malformed("a shared frame is over the limit");
  frame.remove_prefix(shared_magic.size());
  Reader lengths(frame);
  std::size_t messages = 0;
  for (; lengths.left() != 0; ++messages) lengths.text32();
  if (lengths.failed()) return malformed("a shared frame ends within a message");
  if (messages == 0) return malformed("a shared frame is empty");
  return SharedFrameReader(frame);
}

std::optional<std::string_view> SharedFrameReader::next() noexcept {
  if (left_.empty()) return std::nullopt;
  Reader in(left_);
  const auto message = in.text32();
  left_.remove_prefix(length_bytes + message.size());
  return message;
}

std::string write_part(std::string_view message, std::size_t at, std::size_t bytes) {
  TROUPE_ASSERT(at < message.size() && message.size() <= limits::frame_bytes_max,
                "a part lies within a message that may be sent");
  std::string frame(part_magic);
  Writer out(frame);
  out.number(static_cast<std::uint32_t>(message.size()));
  out.number(static_cast<std::uint32_t>(at));
  return frame.append(message.substr(at, bytes));
}

Error Reassembly::broken(const char* what) {
  bytes_ = {};
  total_ = 0;
  return malformed(what);
}

Result<std::optional<std::string>> Reassembly::add(std::string_view frame) {
  Reader in(frame);
  in.bytes(part_magic.size());
  const auto total = in.number<std::uint32_t>();
  const auto at = in.number<std::uint32_t>();
  const auto bytes = in.bytes(in.left());
  if (in.failed() || bytes.empty()) return broken("a part has nothing in it");
  if (total > limits::frame_bytes_max) return broken("a message in parts is over the limit");
  if (at != bytes_.size() || (at != 0 && total != total_))
    return broken("a part does not continue the one before");
  if (bytes.size() > total - at) return broken("a part runs past the end of its message");
  // No room is taken ahead: a size is quickly said.
  bytes_.append(bytes);
  total_ = total;
  if (bytes_.size() < total_) return std::optional<std::string>();
  total_ = 0;
  return std::optional(std::exchange(bytes_, {}));
}

}  // namespace troupe::transport
