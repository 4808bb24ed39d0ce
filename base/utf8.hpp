// UTF-8, strictly as the Unicode standard defines it (table 3-7): no overlong forms, no surrogates,
// nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

bool is_utf8(std::string_view text) noexcept;

// How many bytes the character takes that starts `text`, which is not empty; 0 where it is broken.
std::size_t character_bytes(std::string_view text) noexcept;

// The offset of the first byte that starts no well-formed sequence; nothing if there is none.
std::optional<std::size_t> first_invalid_utf8(std::string_view text) noexcept;

// The character at `position`, which moves past it. The text must have passed first_invalid_utf8().
char32_t next_character(std::string_view text, std::size_t& position) noexcept;

void append_utf8(std::string& text, char32_t character);

}  // namespace troupe
