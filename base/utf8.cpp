#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace troupe {
namespace {

unsigned byte_at(std::string_view text, std::size_t position) noexcept {
  return static_cast<unsigned char>(text[position]);
}

// How many bytes follow the lead byte, and what the first of them may be; the rest are 80..BF.
struct Lead {
  unsigned following = 0;
  unsigned second_min = 0x80;
  unsigned second_max = 0xbf;
};

std::optional<Lead> lead_of(unsigned byte) noexcept {
  if (byte < 0x80) return Lead{};
  if (byte >= 0xc2 && byte <= 0xdf) return Lead{.following = 1};
  if (byte == 0xe0) return Lead{.following = 2, .second_min = 0xa0};
  if (byte == 0xed) return Lead{.following = 2, .second_max = 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return Lead{.following = 2};
  if (byte == 0xf0) return Lead{.following = 3, .second_min = 0x90};
  if (byte >= 0xf1 && byte <= 0xf3) return Lead{.following = 3};
  if (byte == 0xf4) return Lead{.following = 3, .second_max = 0x8f};
  return std::nullopt;
}

bool well_formed(std::string_view text, const Lead& lead) noexcept {
  if (lead.following >= text.size()) return false;
  for (unsigned i = 1; i <= lead.following; ++i) {
    const unsigned byte = byte_at(text, i);
    const bool good =
        i == 1 ? byte >= lead.second_min && byte <= lead.second_max : byte >= 0x80 && byte <= 0xbf;
    if (!good) return false;
  }
  return true;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  return !first_invalid_utf8(text).has_value();
}

std::size_t character_bytes(std::string_view text) noexcept {
  const auto lead = lead_of(byte_at(text, 0));
  return lead && well_formed(text, *lead) ? 1 + lead->following : 0;
}

std::optional<std::size_t> first_invalid_utf8(std::string_view text) noexcept {
  std::size_t position = 0;
  while (position < text.size()) {
    // Most text is ASCII: eight bytes at a time.
    std::uint64_t eight = 0;
    while (text.size() - position >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + position, sizeof(eight));
      if ((eight & 0x8080808080808080ULL) != 0) break;
      position += sizeof(eight);
    }
    if (position == text.size()) break;
    const std::size_t length = character_bytes(text.substr(position));
    if (length == 0) return position;
    position += length;
  }
  return std::nullopt;
}

char32_t next_character(std::string_view text, std::size_t& position) noexcept {
  const unsigned lead = byte_at(text, position++);
  if (lead < 0x80) return lead;
  const unsigned following = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  char32_t character = lead & (0x3fU >> following);
  for (unsigned i = 0; i < following; ++i)
    character = character << 6 | (byte_at(text, position++) & 0x3fU);
  return character;
}

void append_utf8(std::string& text, char32_t character) {
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto follow = [&](unsigned shift) { put(0x80 | (character >> shift & 0x3f)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xc0 | character >> 6);
    follow(0);
  } else if (character < 0x10000) {
    put(0xe0 | character >> 12);
    follow(6);
    follow(0);
  } else {
    put(0xf0 | character >> 18);
    follow(12);
    follow(6);
    follow(0);
  }
}

}  // namespace troupe
