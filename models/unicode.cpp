#include "models/unicode.hpp"

#include <algorithm>
#include <initializer_list>

namespace troupe::models {
namespace {

template <class Range>
const Range* find_range(std::span<const Range> ranges, char32_t c) noexcept {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t value, const Range& range) { return value < range.first; });
  if (after == ranges.begin()) return nullptr;
  const Range& range = *(after - 1);
  return c <= range.last ? &range : nullptr;
}

Folded folded(std::initializer_list<char32_t> characters) noexcept {
  Folded result;
  for (const char32_t c : characters) result.characters[result.count++] = c;
  return result;
}

constexpr char32_t hangul_first = 0xac00;
constexpr char32_t hangul_last = 0xd7a3;

// The Unicode standard, section 3.12: a syllable is a leading consonant, a vowel and at times a
// trailing consonant, numbered in that order.
Folded hangul_jamo(char32_t syllable) noexcept {
  constexpr char32_t vowels = 21;
  constexpr char32_t trails = 28;
  const char32_t index = syllable - hangul_first;
  const char32_t lead = 0x1100 + index / (vowels * trails);
  const char32_t vowel = 0x1161 + index / trails % vowels;
  const char32_t trail = index % trails;
  if (trail == 0) return folded({lead, vowel});
  return folded({lead, vowel, 0x11a7 + trail});
}

}  // namespace

CharKind kind_of(char32_t c) noexcept {
  const KindRange* range = find_range(kind_ranges, c);
  return range == nullptr ? CharKind::ordinary : range->kind;
}

Folded fold(char32_t c) noexcept {
  if (c >= hangul_first && c <= hangul_last) return hangul_jamo(c);
  if (const FoldRange* range = find_range(fold_ranges, c);
      range != nullptr && (c - range->first) % range->step == 0)
    return folded({range->to + (c - range->first)});
  const auto expansion =
      std::lower_bound(expansions.begin(), expansions.end(), c,
                       [](const Expansion& entry, char32_t value) { return entry.from < value; });
  if (expansion == expansions.end() || expansion->from != c) return folded({c});
  const auto& to = expansion->to;
  return to[2] == 0 ? folded({to[0], to[1]}) : folded({to[0], to[1], to[2]});
}

std::uint8_t order_of(char32_t c) noexcept {
  const OrderRange* range = find_range(order_ranges, c);
  return range == nullptr ? 0 : range->order;
}

}  // namespace troupe::models
