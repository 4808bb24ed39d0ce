#include "base/id.hpp"

#include <charconv>

namespace troupe {
namespace {

constexpr std::size_t hex_digits = 16;  // of one 64-bit half

void append_hex(std::string& text, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[(value >> shift) & 15U];
}

bool read_hex(std::string_view text, std::uint64_t& value) {
  const auto [rest, status] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex_digits);
  return status == std::errc{} && rest == text.data() + text.size();
}

}  // namespace

std::string to_string(TaskId id) {
  std::string text;
  text.reserve(2 * hex_digits);
  append_hex(text, id.high);
  append_hex(text, id.low);
  return text;
}

Result<TaskId> parse_task_id(std::string_view text) {
  TaskId id;
  if (text.size() != 2 * hex_digits || !read_hex(text.substr(0, hex_digits), id.high) ||
      !read_hex(text.substr(hex_digits), id.low))
    return Error{ErrorCode::invalid_argument, "'" + std::string(text) + "' is not a task id",
                 "a task id has 32 hexadecimal digits"};
  return id;
}

}  // namespace troupe
