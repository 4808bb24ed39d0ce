#include "bench/report/svg.hpp"

#include <algorithm>
#include <cmath>

#include "bench/report/number.hpp"
#include "bench/report/svg_canvas.hpp"

namespace troupe::bench::report {
namespace {

constexpr std::size_t markers_max = 40;      // of one series; more would hide its line,
constexpr std::size_t markers_few = 8;       // which then has so many
constexpr double category_label_width = 44;  // labels stand no nearer than this
constexpr double bars_share = 0.78;          // of a group's width; the rest parts the groups

template <class S>
std::size_t look_of(const S& series, std::size_t index) {
  return series.look.value_or(index);
}

// The last of several names of one legend is as good as the first: one series needs none.
template <class S>
std::vector<LegendEntry> legend_of(const std::vector<S>& series, bool bars) {
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < series.size(); ++i) {
    LegendEntry entry{series[i].name, look_of(series[i], i), false, bars};
    if constexpr (requires { series[i].dashed; }) entry.dashed = series[i].dashed;
    if (!entry.name.empty()) legend.push_back(entry);
  }
  return legend;
}

void draw_series(Canvas& canvas, const Series& series, std::size_t look, bool steps, const Ruler& x,
                 const Ruler& y) {
  std::string commands;
  bool drawing = false;
  for (const auto& point : series.points) {
    if (!x.shows(point.x) || !y.shows(point.y)) {
      drawing = false;
      continue;
    }
    // From point to point; in steps: across, then up.
    commands.append(!drawing ? "M" : steps ? "H" : "L").append(coordinate(x.place(point.x)));
    commands.append(drawing && steps ? "V" : " ").append(coordinate(y.place(point.y)));
    drawing = true;
  }
  if (!commands.empty()) canvas.path(commands, look, series.dashed);
  const std::size_t count = series.points.size();
  const std::size_t stride = count > markers_max ? count / markers_few : 1;
  // Not all series at the same places, where lines may lie on each other.
  for (std::size_t i = stride > 1 ? (1 + look % 4) * stride / 5 : 0; i < count; i += stride)
    if (const auto& point = series.points[i]; x.shows(point.x) && y.shows(point.y))
      canvas.marker(x.place(point.x), y.place(point.y), look,
                    series.name + ": " + number_text(point.y) + " at " + number_text(point.x));
}

std::string draw(const Chart& chart, const LineChart& lines) {
  Canvas canvas(chart, legend_of(lines.series, false));
  std::vector<double> xs;
  std::vector<double> ys;
  for (const auto& series : lines.series)
    for (const auto& point : series.points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
    }
  const bool empty = xs.empty();
  for (const auto& mark : lines.marks) (mark.vertical ? xs : ys).push_back(mark.at);
  const Plot& plot = canvas.plot();
  const Ruler x(lines.x, xs, false, plot.left, plot.right);
  const Ruler y(lines.y, ys, true, plot.bottom, plot.top);
  canvas.x_axis(x, lines.x.label);
  canvas.y_axis(y, lines.y.label);
  for (const auto& mark : lines.marks) {
    const Ruler& ruler = mark.vertical ? x : y;
    if (ruler.shows(mark.at)) canvas.mark(ruler.place(mark.at), mark.vertical, mark.label);
  }
  // The first series is ours as a rule: drawn last, it lies on top.
  for (std::size_t i = lines.series.size(); i-- > 0;)
    draw_series(canvas, lines.series[i], look_of(lines.series[i], i), lines.steps, x, y);
  if (empty) canvas.nothing_to_show();
  return canvas.svg();
}

std::string draw(const Chart& chart, const BarChart& bars) {
  Canvas canvas(chart,
                bars.series.size() > 1 ? legend_of(bars.series, true) : std::vector<LegendEntry>{});
  std::vector<double> ys;
  for (const auto& series : bars.series)
    ys.insert(ys.end(), series.values.begin(), series.values.end());
  for (const auto& mark : bars.marks) ys.push_back(mark.at);
  if (bars.y.scale == Scale::linear) ys.push_back(0);  // the length of a bar is its value
  const Plot& plot = canvas.plot();
  const Ruler y(bars.y, ys, true, plot.bottom, plot.top);
  canvas.y_axis(y, bars.y.label);
  canvas.x_label(bars.x_label);
  for (const auto& mark : bars.marks)
    if (!mark.vertical && y.shows(mark.at)) canvas.mark(y.place(mark.at), false, mark.label);
  if (bars.categories.empty() || bars.series.empty()) {
    canvas.nothing_to_show();
    return canvas.svg();
  }
  const double group = (plot.right - plot.left) / static_cast<double>(bars.categories.size());
  const double width = group * bars_share / static_cast<double>(bars.series.size());
  const auto label_stride = static_cast<std::size_t>(std::ceil(category_label_width / group));
  const double ground = bars.y.scale == Scale::linear ? y.place(0) : plot.bottom;
  for (std::size_t c = 0; c < bars.categories.size(); ++c) {
    const double left = plot.left + group * (static_cast<double>(c) + (1 - bars_share) / 2);
    for (std::size_t s = 0; s < bars.series.size(); ++s) {
      const auto& series = bars.series[s];
      if (c >= series.values.size() || !y.shows(series.values[c])) continue;
      const double top = y.place(series.values[c]);
      canvas.bar(left + width * static_cast<double>(s), std::min(top, ground),
                 std::max(width - 1, 0.5), std::abs(ground - top), look_of(series, s),
                 (series.name.empty() ? "" : series.name + ", ") + bars.categories[c] + ": " +
                     number_text(series.values[c]));
    }
    if (c % label_stride == 0)
      canvas.x_tick_label(plot.left + group * (static_cast<double>(c) + 0.5), bars.categories[c]);
  }
  return canvas.svg();
}

}  // namespace

std::string to_svg(const Chart& chart) {
  return std::visit([&](const auto& body) { return draw(chart, body); }, chart.body);
}

}  // namespace troupe::bench::report
