// What a picture of a report shows, before anybody draws it (svg.hpp does). Scenarios fill these.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::bench::report {

enum class Scale { linear, log };

struct Axis {
  // A constructor, because g++ 12 believes that nested braces leave the rest uninitialized.
  Axis(std::string axis_label = {}, Scale axis_scale = Scale::linear,
       std::optional<double> axis_low = std::nullopt,
       std::optional<double> axis_high = std::nullopt)
      : label(std::move(axis_label)), scale(axis_scale), low(axis_low), high(axis_high) {}

  std::string label;           // with its unit: "latency, ms"
  Scale scale;                 // log leaves out what is not above zero
  std::optional<double> low;   // otherwise the data decide
  std::optional<double> high;  // what lies beyond is cut off at the edge
};

struct Point {
  double x = 0;
  double y = 0;  // NaN: a gap
};

struct Series {
  std::string name;
  std::vector<Point> points;          // in the order of x; some hundreds draw well
  std::optional<std::size_t> look{};  // colour and marker; otherwise its place in the chart. Give
                                      // it where a policy should look the same in every chart
  bool dashed = false;
};

// A reference line across the chart: a target, the capacity.
struct Mark {
  double at = 0;
  std::string label;
  bool vertical = false;
};

struct LineChart {
  Axis x;
  Axis y;
  std::vector<Series> series;
  std::vector<Mark> marks{};
  bool steps = false;  // as a cumulative distribution goes: level until the next point
};

struct BarSeries {
  std::string name;
  std::vector<double> values;  // one for each category; NaN: none
  std::optional<std::size_t> look{};
};

// Groups of bars, one group per category. With one series it is a histogram.
struct BarChart {
  std::string x_label;
  Axis y;
  std::vector<std::string> categories;
  std::vector<BarSeries> series;
  std::vector<Mark> marks{};  // horizontal ones
};

struct Chart {
  std::string name;   // of its file, without ending: "latency-against-load"; unique in a report
  std::string title;  // what is to be seen: "Urgent work stays fast until the device is full"
  std::string note;   // how it was measured, one line
  std::variant<LineChart, BarChart> body;
};

}  // namespace troupe::bench::report
