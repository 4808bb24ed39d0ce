#include "bench/report/figure.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/report/number.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::report;

namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

FigureSet sample() {
  FigureSet set;
  set.figures = {
      {"1",
       "urgent p99 / unloaded",
       1.31,
       "",
       2,
       Comparison::at_most,
       "12000 urgent tasks",
       {{"eager-edf", 11.7}, {"immediate", no_value}}},
      {"2", "goodput at 2x", 0.913, "", 0.95, Comparison::at_least, "", {}},
      {"light-tenant", "p99 of \"light\" <b>", no_value, "ms", 3, Comparison::at_most, "", {}}};
  set.machine = "a machine";
  set.command = "troupe bench sim";
  return set;
}

Error refused(const std::string& text) {
  const auto set = read_figures(text);
  REQUIRE_FALSE(set);
  CHECK_FALSE(set.error().next_step.empty());
  return set.error();
}

}  // namespace

TEST_CASE("a figure is reached on its target's side, and never without a value") {
  Figure figure{"1", "", 2.0, "", 2.0, Comparison::at_most, "", {}};
  CHECK(figure.ok());
  figure.value = std::nextafter(2.0, 3.0);
  CHECK_FALSE(figure.ok());
  figure.comparison = Comparison::at_least;
  CHECK(figure.ok());
  figure.value = 1.99;
  CHECK_FALSE(figure.ok());
  for (const auto comparison : {Comparison::at_most, Comparison::at_least}) {
    figure.comparison = comparison;
    figure.value = no_value;
    CHECK_FALSE(figure.ok());
  }
}

TEST_CASE("the best rival is the one on the right side of the others") {
  Figure figure{
      "1", "", 1, "", 2, Comparison::at_most, "", {{"a", 3}, {"b", 2.5}, {"c", no_value}}};
  CHECK(best_rival(figure)->policy == "b");
  figure.comparison = Comparison::at_least;
  CHECK(best_rival(figure)->policy == "a");
  figure.rivals = {{"c", no_value}};
  CHECK(best_rival(figure) == nullptr);
}

TEST_CASE("figures written as JSON read back as they were") {
  const auto json = to_json(sample());
  CHECK(json["figures"][0]["id"] == 1);
  CHECK(json["figures"][0]["ok"] == true);
  CHECK(json["figures"][1]["ok"] == false);
  CHECK(json["figures"][2]["id"] == "light-tenant");
  CHECK(json["figures"][2]["value"].is_null());
  CHECK_FALSE(json.contains("date"));

  const auto back = read_figures(json.dump());
  REQUIRE(back);
  const FigureSet expected = sample();
  REQUIRE(back->figures.size() == expected.figures.size());
  for (std::size_t i = 0; i < expected.figures.size(); ++i) {
    const auto& left = back->figures[i];
    const auto& right = expected.figures[i];
    CHECK(left.id == right.id);
    CHECK(left.what == right.what);
    CHECK((left.value == right.value || (std::isnan(left.value) && std::isnan(right.value))));
    CHECK(left.unit == right.unit);
    CHECK(left.target == right.target);
    CHECK(left.comparison == right.comparison);
    CHECK(left.detail == right.detail);
    CHECK(left.rivals.size() == right.rivals.size());
    CHECK(left.ok() == right.ok());
  }
  CHECK(back->figures[0].rivals[0].value == 11.7);
  CHECK(std::isnan(back->figures[0].rivals[1].value));
  CHECK(back->machine == expected.machine);
  CHECK(back->command == expected.command);
  CHECK(back->missed() == 2);
  CHECK(to_json(*back) == json);
}

TEST_CASE("the date is written only where it was given") {
  auto set = sample();
  set.date = "2026-01-31";
  const auto back = read_figures(to_json(set).dump());
  REQUIRE(back);
  CHECK(back->date == "2026-01-31");
}

TEST_CASE("a file cannot claim that a figure was reached") {
  auto json = to_json(sample());
  json["figures"][1]["ok"] = true;
  const auto back = read_figures(json.dump());
  REQUIRE(back);
  CHECK_FALSE(back->figures[1].ok());
}

TEST_CASE("what is no set of figures is refused with its place") {
  CHECK(refused("").code == ErrorCode::malformed);
  CHECK(refused("[]").code == ErrorCode::malformed);
  CHECK(refused("{\"figures\":{}}").code == ErrorCode::malformed);
  CHECK(refused("{\"figures\":[1]}").what == "figure 1 is not an object");
  CHECK(refused("{\"figures\":[{}]}").what == "figure 1: 'id' is missing");
  CHECK(refused(R"({"figures":[{"id":1,"value":1,"target":1,"comparison":"="}]})").what ==
        "figure 1: 'comparison' must be <= or >=");
  CHECK(refused(R"({"figures":[{"id":1,"value":"1","target":1,"comparison":"<="}]})").what ==
        "figure 1: 'value' must be a number or null");
  CHECK(refused(R"({"figures":[{"id":1,"value":1,"target":1,"comparison":"<=","rivals":[]}]})")
            .what == "figure 1: 'rivals' must be an object");
  CHECK(refused(R"({"figures":[],"machine":7})").what == "the run: 'machine' must be text");
  CHECK(refused(std::string(100000, '[')).code == ErrorCode::malformed);
  CHECK(refused(std::string(17 * 1024 * 1024, ' ')).code == ErrorCode::too_large);
}

TEST_CASE("the screen marks what was missed and sums up") {
  const std::string screen = to_screen(sample());
  std::istringstream lines(screen);
  std::string line;
  std::getline(lines, line);
  CHECK(line.find("best rival") != std::string::npos);
  std::getline(lines, line);
  CHECK(line.find("1.31") != std::string::npos);
  CHECK(line.find("<= 2 ") != std::string::npos);
  CHECK(line.find("ok") != std::string::npos);
  CHECK(line.find("eager-edf 11.7") != std::string::npos);
  std::getline(lines, line);
  CHECK(line.find("MISSED") != std::string::npos);
  CHECK(screen.find("1 of 3 figures reached, 2 MISSED") != std::string::npos);
  CHECK(to_screen({}) == "no figures");
}

TEST_CASE("the screen says why a figure has no value") {
  auto set = sample();
  CHECK(to_screen(set).find("not measured") == std::string::npos);
  set.figures[2].detail = "not on this CPU";
  CHECK(to_screen(set).find("not measured: p99 of \"light\" <b>: not on this CPU") !=
        std::string::npos);
}

TEST_CASE("the screen's columns stand under each other and keep to its width") {
  auto set = sample();
  set.figures[0].what = std::string(300, 'w');
  set.figures[1].what = "\u00fcber alles \u00e4 \u00f6";
  std::istringstream lines(to_screen(set, 90));
  std::string line;
  std::size_t target_column = 0;
  for (int i = 0; i < 4; ++i) {
    std::getline(lines, line);
    std::size_t columns = 0;
    std::size_t at = std::string::npos;
    for (std::size_t byte = 0; byte < line.size(); ++byte) {
      if ((static_cast<unsigned char>(line[byte]) & 0xC0U) == 0x80U) continue;
      if (at == std::string::npos &&
          (line.compare(byte, 6, "target") == 0 || line.compare(byte, 3, "<= ") == 0 ||
           line.compare(byte, 3, ">= ") == 0))
        at = columns;
      ++columns;
    }
    CHECK(columns <= 90);
    if (i == 0) target_column = at;
    CHECK(at == target_column);
  }
}

TEST_CASE("numbers are short and carry over where they round up") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(1.314) == "1.31");
  CHECK(number_text(9.996) == "10.0");
  CHECK(number_text(99.96) == "100");
  CHECK(number_text(0.0123) == "0.0123");
  CHECK(number_text(0.5) == "0.5");
  CHECK(number_text(0.9996) == "1");
  CHECK(number_text(8889.4) == "8,889");
  CHECK(number_text(-1234567) == "-1,234,567");
  CHECK(number_text(-123) == "-123");
  CHECK(number_text(1.25e12) == "1.25e+12");
  CHECK(number_text(1e-9) == "1.00e-09");
  CHECK(number_text(no_value) == "-");
  CHECK(number_text(std::numeric_limits<double>::infinity()) == "-");
  CHECK(tick_text(0) == "0");
  CHECK(tick_text(2.5) == "2.5");
  CHECK(tick_text(2500) == "2.5k");
  CHECK(tick_text(5e6) == "5M");
}
