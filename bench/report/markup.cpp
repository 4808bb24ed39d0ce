#include "bench/report/markup.hpp"

#include "base/utf8.hpp"

namespace troupe::bench::report {
namespace {

std::string_view entity(char c) noexcept {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) {
      safe += replacement;
      text.remove_prefix(1);
      continue;
    }
    const char first = text.front();
    const auto byte = static_cast<unsigned char>(first);
    if (const auto known = entity(first); !known.empty())
      safe += known;
    else if (byte < 0x20 || byte == 0x7f)
      safe += ' ';
    else
      safe += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return safe;
}

}  // namespace troupe::bench::report
