// Characters as the BERT tokenizer sees them.
//
// Everything here follows the `tokenizers` package (tools/make-unicode-tables), whose categories,
// decompositions and lower case come from three different editions of Unicode; it is no general
// Unicode library.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "models/unicode_tables.hpp"

namespace troupe::models {

CharKind kind_of(char32_t c) noexcept;

// Decomposed (NFD), accents removed, in lower case: one to three characters. Marks themselves
// (CharKind::mark and mark_starter) are the caller's to drop.
struct Folded {
  std::array<char32_t, 3> characters{};
  std::uint8_t count = 0;
  [[nodiscard]] std::span<const char32_t> span() const& noexcept {
    return {characters.data(), count};
  }
  std::span<const char32_t> span() && = delete;  // it would dangle in a range-for
};
Folded fold(char32_t c) noexcept;

// The canonical combining class by which kept marks are put in order; zero stays where it is.
std::uint8_t order_of(char32_t c) noexcept;

}  // namespace troupe::models
