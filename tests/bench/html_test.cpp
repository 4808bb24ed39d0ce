#include "bench/report/html.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "tests/bench/well_formed.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::report;
using troupe::tests::markup_mistake;
using troupe::tests::occurrences;

namespace {

Report sample() {
  Report report;
  report.title = "troupe bench sim";
  report.set.figures = {
      {"1", "urgent <p99>", 1.31, "", 2, Comparison::at_most, "of 12000", {{"immediate", 4.2}}},
      {"11",
       "ordinary p99",
       std::numeric_limits<double>::quiet_NaN(),
       "ms",
       12,
       Comparison::at_most,
       "",
       {{"eager-edf", 14.6}}}};
  report.set.machine = "a \"machine\"";
  report.set.command = "troupe bench sim sweep";
  report.sections = {
      {"sweep",
       "Load & latency",
       {{"sweep-latency", "Latency", "", LineChart{{"load"}, {"ms"}, {{"a", {{0, 1}}}}}}}}};
  return report;
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A folder of its own that goes away with the test.
struct Scratch {
  std::string path = TROUPE_BINARY_DIR "/html_test_report";
  Scratch() { std::filesystem::remove_all(path); }
  ~Scratch() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("the page is well-formed, needs nothing beside it and has no script") {
  const std::string html = to_html(sample());
  const auto mistake = markup_mistake(html, true);
  INFO(mistake.value_or(""));
  CHECK_FALSE(mistake);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("src=") == std::string::npos);
  CHECK(html.find("href=") == std::string::npos);
  CHECK(html.find("url(") == std::string::npos);
  CHECK(html.find("<html lang=\"en\">") != std::string::npos);
  CHECK(html.find("prefers-color-scheme:dark") != std::string::npos);
}

TEST_CASE("the table has every figure, its target, verdict and rivals") {
  const std::string html = to_html(sample());
  CHECK(html.find("urgent &lt;p99&gt;") != std::string::npos);
  CHECK(html.find("1 of 2 figures are reached") != std::string::npos);
  CHECK(occurrences(html, ">reached</span>") == 1);
  CHECK(occurrences(html, ">missed</span>") == 2);  // the figure, and the run
  CHECK(html.find(">\u2264 12</td>") != std::string::npos);
  for (const auto* policy : {"immediate", "eager-edf"})
    CHECK(html.find("<th scope=\"col\" class=\"number\">" + std::string(policy) + "</th>") !=
          std::string::npos);
  CHECK(html.find("<caption>") != std::string::npos);
  CHECK(occurrences(html, "<th scope=\"row\">") == 2);
  CHECK(html.find("a &quot;machine&quot;") != std::string::npos);
  CHECK(html.find("<code>troupe bench sim sweep</code>") != std::string::npos);
  CHECK(occurrences(html, "<svg ") == 1);
}

TEST_CASE("a run without figures has a page too") {
  Report report;
  report.title = "nothing";
  const std::string html = to_html(report);
  CHECK_FALSE(markup_mistake(html, true));
  CHECK(html.find("no figures") != std::string::npos);
}

TEST_CASE("a report is a folder with the page, the figures and each picture") {
  const Scratch scratch;
  REQUIRE(write_report(sample(), scratch.path + "/deep"));
  CHECK(content(scratch.path + "/deep/index.html") == to_html(sample()));
  CHECK_FALSE(markup_mistake(content(scratch.path + "/deep/sweep-latency.svg")));
  const auto back = read_figures(content(scratch.path + "/deep/figures.json"));
  REQUIRE(back);
  CHECK(back->figures.size() == 2);
  CHECK(write_report(sample(), scratch.path + "/deep"));  // over the old one
}

TEST_CASE("charts whose names cannot be files are refused before anything is written") {
  const Scratch scratch;
  for (const std::string name : {"", "../x", "a/b", ".hidden", "a b", "\xc3\xa4"}) {
    auto report = sample();
    report.sections[0].charts[0].name = name;
    const auto written = write_report(report, scratch.path);
    REQUIRE_FALSE(written);
    CHECK(written.error().code == ErrorCode::invalid_argument);
  }
  auto twice = sample();
  twice.sections.push_back(twice.sections[0]);
  CHECK(write_report(twice, scratch.path).error().code == ErrorCode::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(scratch.path));
}

TEST_CASE("a folder that cannot be made is an error") {
  const auto written = write_report(sample(), "/proc/no/such");
  REQUIRE_FALSE(written);
  CHECK(written.error().code == ErrorCode::io);
}
