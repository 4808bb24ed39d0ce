#include "bench/report/svg.hpp"

#include <cmath>
#include <limits>

#include "base/random.hpp"
#include "bench/report/axis.hpp"
#include "bench/report/markup.hpp"
#include "tests/bench/well_formed.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::report;
using troupe::tests::markup_mistake;
using troupe::tests::occurrences;

namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::string drawn(const Chart& chart) {
  std::string svg = to_svg(chart);
  const auto mistake = markup_mistake(svg);
  INFO(mistake.value_or(""));
  CHECK_FALSE(mistake);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
  return svg;
}

Chart lines(std::vector<Series> series, Scale y = Scale::linear) {
  return {"lines", "Lines", "a note", LineChart{{"x"}, {"y", y}, std::move(series)}};
}

std::vector<std::string> labels(const Ruler& ruler) {
  std::vector<std::string> found;
  for (const auto& tick : ruler.ticks())
    if (!tick.label.empty()) found.push_back(tick.label);
  return found;
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("a line has its points where the axes say") {
  const std::vector<double> xs = {0, 10};
  const Ruler x({"x"}, xs, false, 100, 200);
  CHECK(x.place(0) == 100);
  CHECK(x.place(5) == 150);
  CHECK(x.place(10) == 200);
  CHECK(x.place(99) == 200);  // cut off at the edge
  CHECK(labels(x) == Labels{"0", "2", "4", "6", "8", "10"});

  const std::vector<double> ys = {1, 100};
  const Ruler y({"y", Scale::log}, ys, true, 300, 100);
  CHECK(y.place(1) == Approx(300));
  CHECK(y.place(10) == Approx(200));
  CHECK(y.place(100) == Approx(100));
  CHECK(labels(y) == Labels{"1", "2", "5", "10", "20", "50", "100"});
}

TEST_CASE("axes end on a tick beyond the data, or where they were told to") {
  const std::vector<double> values = {0.13, 0.97};
  CHECK(labels(Ruler({"y"}, values, true, 0, 1)) == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1"});
  // Far from zero the axis does not begin there.
  const std::vector<double> far = {101, 109};
  CHECK(labels(Ruler({"y"}, far, true, 0, 1)).front() == "101");
  const Ruler told({"y", Scale::linear, 0.0, 0.5}, values, true, 0, 1);
  CHECK(told.place(0.5) == 1);
  CHECK(labels(told).back() == "0.5");
  const std::vector<double> wide = {0.002, 3e6};
  const auto decades = labels(Ruler({"y", Scale::log}, wide, true, 0, 1));
  CHECK(decades.size() <= 11);
  for (const auto& label : decades) CHECK(label.find_first_of("2345") == std::string::npos);
}

TEST_CASE("whatever the numbers, an axis has a range, ticks and places inside it") {
  Random random(7);
  const double odd[] = {0,      -0.0,  1,     -1,     no_value,     infinity, -infinity,
                        1e-300, 1e300, 1e308, 5e-324, 1.0000000001, -3e7,     1e-12};
  for (int round = 0; round < 3000; ++round) {
    Axis axis{"a", random.chance(0.5) ? Scale::log : Scale::linear};
    std::vector<double> values;
    for (std::uint64_t i = random.below(4); i > 0; --i)
      values.push_back(random.chance(0.5)
                           ? odd[random.below(std::size(odd))]
                           : (random.unit() - 0.3) * std::pow(10, random.between(-20, 20)));
    if (random.chance(0.2)) axis.low = odd[random.below(std::size(odd))];
    if (random.chance(0.2)) axis.high = odd[random.below(std::size(odd))];
    const Ruler ruler(axis, values, random.chance(0.5), 0, 1000);
    CHECK(ruler.ticks().size() < 3000);
    for (const double value : values) {
      if (!ruler.shows(value)) continue;
      const double place = ruler.place(value);
      CHECK(place >= 0);
      CHECK(place <= 1000);
    }
  }
}

TEST_CASE("a chart says what it shows, also to those who cannot see it") {
  const auto svg = drawn(lines({{"ours", {{0, 1}, {1, 2}}}, {"theirs", {{0, 2}, {1, 4}}}}));
  CHECK(svg.find("role=\"img\"") != std::string::npos);
  CHECK(svg.find("<title id=\"lines-title\">Lines</title>") != std::string::npos);
  CHECK(svg.find(">a note</desc>") != std::string::npos);
  CHECK(svg.find(">ours</text>") != std::string::npos);
  CHECK(svg.find("theirs: 4.00 at 1.00") != std::string::npos);
  CHECK(svg.find("prefers-color-scheme:dark") != std::string::npos);
  CHECK(svg.find("<script") == std::string::npos);
  // Two lines in two colours, four points in two shapes.
  CHECK(occurrences(svg, "class=\"line stroke0\"") == 2);  // one in the legend
  CHECK(occurrences(svg, "class=\"line stroke1\"") == 2);
  CHECK(occurrences(svg, "</title></path>") == 4);
}

TEST_CASE("gaps part a line, and what a logarithm cannot show is left out") {
  const auto gap = drawn(lines({{"a", {{0, 1}, {1, no_value}, {2, 3}, {3, 4}}}}));
  CHECK(occurrences(gap, "</title></path>") == 3);
  const auto path = gap.find("class=\"line stroke0\"");
  const auto commands = gap.substr(path, gap.find("/>", path) - path);
  CHECK(occurrences(commands, "M") == 2);
  const auto log = drawn(lines({{"a", {{0, 0}, {1, -5}, {2, 3}, {3, infinity}}}}, Scale::log));
  CHECK(occurrences(log, "</title></path>") == 1);
}

TEST_CASE("a chart without data is a picture that says so") {
  CHECK(drawn(lines({})).find("nothing was measured") != std::string::npos);
  CHECK(drawn(lines({{"empty", {}}})).find("nothing was measured") != std::string::npos);
  CHECK(drawn({"b", "Bars", "", BarChart{}}).find("nothing was measured") != std::string::npos);
}

TEST_CASE("text from outside cannot become markup") {
  const std::string nasty = "</text><script>alert('x')</script>&\x01\xff\"";
  LineChart body{{nasty}, {nasty}, {{nasty, {{0, 1}, {1, 1}}}}, {{0.5, nasty, true}, {1, nasty}}};
  const auto svg = drawn({nasty, nasty, nasty, body});
  CHECK(svg.find("<script") == std::string::npos);
  const auto bars = drawn(
      {nasty, nasty, nasty, BarChart{nasty, {nasty}, {nasty}, {{nasty, {1}}, {nasty, {2}}}, {}}});
  CHECK(bars.find("<script") == std::string::npos);
  CHECK(escaped("a<b>&\"'\n") == "a&lt;b&gt;&amp;&quot;&#39; ");
  CHECK(escaped("\xff\xc3\xa4") == "\xEF\xBF\xBD\xc3\xa4");
}

TEST_CASE("bars are as long as their values") {
  const BarChart body{"size", {"batches"}, {"1", "2", "3"}, {{"", {10, 5, no_value}}}, {}};
  const auto svg = drawn({"h", "Batch sizes", "", body});
  CHECK(svg.find("1: 10.0</title>") != std::string::npos);
  CHECK(svg.find("2: 5.00</title>") != std::string::npos);
  CHECK(occurrences(svg, "</title></rect>") == 2);
  const auto height = [&](std::size_t from) {
    const auto at = svg.find("height=\"", svg.find("<rect class=\"fill0\"", from)) + 8;
    return std::stod(svg.substr(at));
  };
  const auto first = svg.find("<rect class=\"fill0\"");
  CHECK(height(first) == Approx(2 * height(first + 1)));
}

TEST_CASE("a histogram of a thousand sizes keeps its labels apart") {
  BarChart body{"size", {"batches"}, {}, {{"", {}}}, {}};
  for (int i = 1; i <= 1000; ++i) {
    body.categories.push_back(std::to_string(i));
    body.series[0].values.push_back(i);
  }
  const auto svg = drawn({"h", "Batch sizes", "", body});
  CHECK(occurrences(svg, "</title></rect>") == 1000);
  CHECK(occurrences(svg, "text-anchor=\"middle\"") < 30);
}

TEST_CASE("lines of many points have few markers, at other places than their neighbours'") {
  std::vector<Series> series(2);
  for (auto& one : series)
    for (int i = 0; i < 400; ++i) one.points.push_back({i * 1.0, i * 1.0});
  const auto svg = drawn(lines(series));
  CHECK(occurrences(svg, "</title></path>") <= 20);
  CHECK(occurrences(svg, "</title></path>") >= 12);
}
