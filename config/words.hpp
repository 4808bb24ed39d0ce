// Words in messages: which known word somebody may have meant, and foreign text made safe for a
// screen.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe::config {

// The candidate nearest to `word`, if it is near enough to be a slip: at most a third of its
// letters wrong, missing, extra or swapped with a neighbour. Upper and lower case count as equal.
// Ties go to the first.
//
// Source: optimal string alignment, Damerau, "A technique for computer detection and correction of
// spelling errors", CACM 1964.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

// "; did you mean 'backoff_max'?", to follow what was wrong with `word`.
std::optional<std::string> did_you_mean(std::string_view word,
                                        std::span<const std::string_view> candidates);

// `text` with control characters and broken UTF-8 written as \xNN, cut at `bytes_max`: what a file
// says must not move the reader's cursor.
std::string shown(std::string_view text, std::size_t bytes_max = 60);

}  // namespace troupe::config
