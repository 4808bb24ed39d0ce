// The page that a chart is drawn on: sizes, style and the few shapes that charts are made of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bench/report/axis.hpp"

namespace troupe::bench::report {

enum class Align { left, middle, right };

struct LegendEntry {
  std::string name;
  std::size_t look = 0;
  bool dashed = false;
  bool bar = false;
};

// Where the data are drawn, in the units of the picture (pixels at its natural size).
struct Plot {
  double left = 0;
  double right = 0;
  double top = 0;
  double bottom = 0;
};

class Canvas {
 public:
  // Writes title, note and legend, and leaves the rest to the plot.
  Canvas(const Chart& chart, const std::vector<LegendEntry>& legend);

  [[nodiscard]] const Plot& plot() const noexcept { return plot_; }

  void x_axis(const Ruler& ruler, std::string_view label);
  void y_axis(const Ruler& ruler, std::string_view label);
  // Below the plot, in the style of axes.
  void x_tick_label(double x, std::string_view label);
  void x_label(std::string_view label);

  void path(const std::string& commands, std::size_t look, bool dashed);
  // A point's marker, with what it says when the pointer rests on it.
  void marker(double x, double y, std::size_t look, std::string_view says);
  void bar(double x, double y, double width, double height, std::size_t look,
           std::string_view says);
  // A reference line across the plot.
  void mark(double at, bool vertical, std::string_view label);
  void nothing_to_show();

  // The finished picture.
  [[nodiscard]] std::string svg() const;

 private:
  void text(double x, double y, std::string_view words, std::string_view look, Align align);
  void legend_line(double x, double y, const LegendEntry& entry);

  std::string name_;
  std::string title_;
  std::string note_;
  Plot plot_;
  std::string grid_;  // under the data
  std::string data_;
  std::string labels_;  // over them
};

// A number as it stands in SVG: two decimals at most, always finite.
std::string coordinate(double value);

}  // namespace troupe::bench::report
