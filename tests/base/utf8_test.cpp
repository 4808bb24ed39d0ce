#include "base/utf8.hpp"

#include <string>

#include "tests/catch.hpp"

using troupe::append_utf8;
using troupe::first_invalid_utf8;
using troupe::next_character;

TEST_CASE("every character survives the way through UTF-8") {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text = "x";
    append_utf8(text, c);
    std::size_t position = 1;
    // Catch's macros are too slow for a million of them.
    if (first_invalid_utf8(text) || next_character(text, position) != c || position != text.size())
      FAIL("character " << static_cast<unsigned>(c));
  }
}

TEST_CASE("bytes that are not UTF-8 are found where they begin") {
  struct Case {
    std::string text;
    std::size_t offset;
  };
  const Case cases[] = {
      {"\x80", 0},              // a continuation on its own
      {"ab\xff", 2},            // a byte that never occurs
      {"\xc0\xaf", 0},          // overlong '/'
      {"\xc1\xbf", 0},          // overlong DEL
      {"a\xe0\x9f\xbf", 1},     // overlong U+07FF
      {"\xf0\x8f\xbf\xbf", 0},  // overlong U+FFFF
      {"\xed\xa0\x80", 0},      // the first surrogate
      {"\xed\xbf\xbf", 0},      // the last surrogate
      {"\xf4\x90\x80\x80", 0},  // U+110000
      {"\xf5\x80\x80\x80", 0},  // far above
      {"caf\xc3", 3},           // cut in a character
      {"\xe2\x82", 0},          // likewise
      {"\xf0\x9f\x98", 0},      // likewise
      {"\xe2\x28\xa1", 0},      // a wrong second byte
      {"\xe2\x82\x28", 0},      // a wrong third byte
      {"\xf0\x9f\x98\x41", 0},  // a wrong fourth byte
      {"0123456789\xc3\xa9 \xa9", 13},
      {"01234567\xc3", 8},  // at the edge of an eight-byte step
      {std::string("a\0b\xfe", 4), 3},
  };
  for (const auto& [text, offset] : cases) {
    INFO("offset " << offset << " in a text of " << text.size() << " bytes");
    const auto found = first_invalid_utf8(text);
    REQUIRE(found);
    CHECK(*found == offset);
  }
}

TEST_CASE("text that is UTF-8 has no invalid byte, NUL and the last character included") {
  CHECK_FALSE(first_invalid_utf8(""));
  CHECK_FALSE(first_invalid_utf8("plain ASCII, longer than eight bytes"));
  CHECK_FALSE(first_invalid_utf8(std::string("\0\x7f", 2)));
  CHECK_FALSE(first_invalid_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
}

TEST_CASE("the length of a character is told from its first bytes alone") {
  using troupe::character_bytes;
  CHECK(character_bytes("ab") == 1);
  CHECK(character_bytes("\xc3\xa9\xff") == 2);
  CHECK(character_bytes("\xe4\xb8\xad") == 3);
  CHECK(character_bytes("\xf0\x9f\x98\x80") == 4);
  CHECK(character_bytes("\xc3") == 0);
  CHECK(character_bytes("\xa9") == 0);
  CHECK(troupe::is_utf8("caf\xc3\xa9"));
  CHECK_FALSE(troupe::is_utf8("caf\xe9"));
}
