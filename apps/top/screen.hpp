// The screen of `troupe top`: a view of the cluster and a size in, lines of text out. Pure
// functions; the terminal (apps/top/terminal.hpp) puts them where they belong.
//
// Names come from outside: what could steer a terminal, or is no UTF-8, is shown as '?'.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "apps/top/view.hpp"

namespace troupe::apps {

enum class Style { plain, dim, title, good, bad, urgent, ordinary };

struct Span {
  Style style = Style::plain;
  std::string text;
};

using Line = std::vector<Span>;

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// How many columns it takes; every character counts as one.
std::size_t columns_of(std::string_view text);

// Without what could steer a terminal.
std::string shown_text(std::string_view text);

// The figures of all nodes, each line at most `columns` wide.
std::vector<Line> render(const ClusterView& view, std::size_t columns);

// What of them is to be seen on a screen of this size from line `scroll` on, which is corrected
// where it lies beyond: exactly `rows` lines, the last one for the keys.
std::vector<Line> window(const std::vector<Line>& lines, ScreenSize size, std::size_t& scroll);

std::string plain_text(const Line& line);

}  // namespace troupe::apps
