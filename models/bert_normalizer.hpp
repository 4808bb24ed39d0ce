// The first half of the BERT tokenizer: text made plain, exactly as the `tokenizers` package's
// BertNormalizer does it.
//
// In this order: drop NUL, U+FFFD, control, format and private-use characters; turn each white
// space into a space; put spaces around CJK ideographs; and when folding (models without case)
// decompose (NFD), drop accents and lower-case.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace troupe::models {

// `text` must be UTF-8 (base/utf8.hpp); so is the result, of at most three times the bytes (a
// Hangul syllable folds to three characters of its own size). Thread-safe.
std::string normalize_for_bert(std::string_view text, bool folding);

// What each ASCII character becomes; NUL: it is dropped. An ASCII text is normalized character by
// character.
const std::array<char, 128>& normalized_ascii(bool folding) noexcept;

}  // namespace troupe::models
