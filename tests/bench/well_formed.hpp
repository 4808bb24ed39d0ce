// Whether a text is well-formed markup, as strictly as our own writer needs: every element closed
// in order, attributes quoted, no stray '<' or '&', UTF-8, no control characters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe::tests {

// What is wrong, or nothing. With `html`, the void elements <meta> and a doctype are understood.
std::optional<std::string> markup_mistake(std::string_view text, bool html = false);

// How often `part` stands in `text`.
std::size_t occurrences(std::string_view text, std::string_view part);

}  // namespace troupe::tests
