#include "apps/log.hpp"

#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps;

namespace {

// A file that a log writes to and a test reads.
class ScratchLog {
 public:
  ScratchLog(const std::string& level, LogFormat format, const std::string& node = "a")
      : file_(std::tmpfile(), &std::fclose), log_(make_log(level, format, node, file_.get())) {}

  Log& log() { return *log_; }

  std::vector<std::string> lines() {
    std::rewind(file_.get());
    std::vector<std::string> lines;
    std::string line;
    for (int c = std::fgetc(file_.get()); c != EOF; c = std::fgetc(file_.get())) {
      if (c != '\n') {
        line += static_cast<char>(c);
        continue;
      }
      lines.push_back(line);
      line.clear();
    }
    CHECK(line.empty());
    return lines;
  }

  nlohmann::json only_line() {
    const auto all = lines();
    REQUIRE(all.size() == 1);
    INFO(all[0]);
    REQUIRE(nlohmann::json::accept(all[0]));
    return nlohmann::json::parse(all[0]);
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::unique_ptr<Log> log_;
};

}  // namespace

TEST_CASE("a JSON line carries time, level, node, message and the fields as they are") {
  ScratchLog scratch("info", LogFormat::json);
  scratch.log().warn("a peer went silent", {{"peer", "b"},
                                            {"missed", 3},
                                            {"bytes", std::uint64_t{18446744073709551615U}},
                                            {"waited_ms", 12.5},
                                            {"again", true}});
  const auto line = scratch.only_line();
  CHECK(line["level"] == "warn");
  CHECK(line["node"] == "a");
  CHECK(line["msg"] == "a peer went silent");
  CHECK(line["peer"] == "b");
  CHECK(line["missed"] == 3);
  CHECK(line["bytes"] == std::uint64_t{18446744073709551615U});
  CHECK(line["waited_ms"] == 12.5);
  CHECK(line["again"] == true);
  const std::string time = line["ts"];
  CHECK(time.size() == std::string("2025-01-31T12:00:00.123456Z").size());
  CHECK(time[10] == 'T');
  CHECK(time.back() == 'Z');
}

TEST_CASE("whatever is logged, an event is one line and valid JSON") {
  ScratchLog scratch("info", LogFormat::json, "n\"\n");
  const std::string hostile("a\"b\\c\nd\x1b[2J\0e\xff", 14);
  scratch.log().info(
      hostile,
      {{hostile, hostile}, {"nan", std::numeric_limits<double>::quiet_NaN()}, {"inf", HUGE_VAL}});
  const auto line = scratch.only_line();
  CHECK(std::string(line["msg"]).rfind("a\"b\\c\nd\x1b[2J", 0) == 0);
  CHECK(line["nan"].is_null());
  CHECK(line["inf"].is_null());
}

TEST_CASE("a human line is one line that cannot steer the terminal") {
  ScratchLog scratch("info", LogFormat::human);
  scratch.log().info(
      "two\nlines \x1b[2J",
      {{"text", "with space"}, {"plain", "x"}, {"n", 3}, {"empty", ""}, {"path", "a=b"}});
  const auto lines = scratch.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find('\x1b') == std::string::npos);
  CHECK(lines[0].find("info  [a] two\\x0alines \\x1b[2J text=\"with space\" plain=x n=3 "
                      "empty=\"\" path=\"a=b\"") != std::string::npos);
}

TEST_CASE("what is below the level is not written") {
  ScratchLog scratch("warn", LogFormat::json);
  CHECK_FALSE(scratch.log().enabled(Level::info));
  CHECK(scratch.log().enabled(Level::warn));
  scratch.log().trace("no");
  scratch.log().debug("no");
  scratch.log().info("no");
  scratch.log().warn("yes");
  scratch.log().error("yes");
  CHECK(scratch.lines().size() == 2);
  CHECK(ScratchLog("trace", LogFormat::json).log().enabled(Level::trace));
  CHECK_FALSE(ScratchLog("error", LogFormat::json).log().enabled(Level::warn));
}

TEST_CASE("an error is logged with its code and its next step") {
  ScratchLog scratch("info", LogFormat::json);
  scratch.log().error("the link failed",
                      Error{ErrorCode::io, "port 1 is in use", "choose another"});
  const auto line = scratch.only_line();
  CHECK(line["level"] == "error");
  CHECK(line["code"] == "io");
  CHECK(line["what"] == "port 1 is in use");
  CHECK(line["next_step"] == "choose another");
}

TEST_CASE("threads never mix their lines") {
  ScratchLog scratch("info", LogFormat::json);
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 500;
  std::vector<std::thread> writers;
  writers.reserve(threads);
  for (std::size_t thread = 0; thread < threads; ++thread)
    writers.emplace_back([&scratch, thread] {
      for (std::size_t i = 0; i < each; ++i)
        scratch.log().info(std::string(200, "abcd"[thread]), {{"i", i}});
    });
  for (auto& writer : writers) writer.join();
  const auto lines = scratch.lines();
  CHECK(lines.size() == threads * each);
  for (const auto& line : lines) REQUIRE(nlohmann::json::accept(line));
}

TEST_CASE("the automatic format is for machines unless a person watches") {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
  CHECK(log_format("auto", file.get()) == LogFormat::json);
  CHECK(log_format("human", file.get()) == LogFormat::human);
  CHECK(log_format("json", file.get()) == LogFormat::json);
}
