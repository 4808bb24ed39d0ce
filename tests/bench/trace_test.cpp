#include "bench/harness/trace.hpp"

#include <sstream>

#include "base/random.hpp"
#include "bench/harness/timestamp.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::harness;
using namespace std::chrono_literals;

namespace {

const std::string header = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

struct Reading {
  std::vector<TraceRow> rows;
  std::vector<TraceProblem> problems;
  std::uint64_t bad_rows = 0;
  std::optional<Error> error;
};

Reading read(const std::string& text, TraceLimits limits = {}) {
  std::istringstream in(text);
  TraceReader reader(in, "t.csv", limits);
  Reading reading;
  for (;;) {
    auto row = reader.next();
    if (!row) {
      reading.error = row.error();
      break;
    }
    if (!*row) break;
    reading.rows.push_back(**row);
  }
  reading.problems = reader.problems();
  reading.bad_rows = reader.bad_rows();
  CHECK(reading.rows.size() <= reader.rows());
  return reading;
}

// The reason for which a row between two good ones is left out; both good ones are read.
std::string reason(const std::string& row, TraceLimits limits = {}) {
  const auto reading =
      read(header + "2023-11-16 18:00:00,1,2\n" + row + "\n2023-11-16 18:00:09.5,3,4\n", limits);
  CHECK_FALSE(reading.error);
  REQUIRE(reading.rows.size() == 2);
  CHECK(reading.rows[1].at == 9500ms);
  REQUIRE(reading.problems.size() == 1);
  CHECK(reading.bad_rows == 1);
  CHECK(reading.problems[0].line == 3);
  return reading.problems[0].reason;
}

}  // namespace

TEST_CASE("rows are read with instants since the first") {
  const auto reading = read(header +
                            "2023-11-16 18:15:46.6805900,374,44\n"
                            "2023-11-16 18:15:50.9951690,396,109\n"
                            "2023-11-16 18:15:50.9951690,0,0\n");
  CHECK_FALSE(reading.error);
  REQUIRE(reading.rows.size() == 3);
  CHECK(reading.rows[0].at == 0ns);
  CHECK(reading.rows[0].context_tokens == 374);
  CHECK(reading.rows[0].generated_tokens == 44);
  CHECK(reading.rows[1].at == 4314579us);
  CHECK(reading.rows[2].at == reading.rows[1].at);
  CHECK(reading.bad_rows == 0);
}

TEST_CASE("line ends of Windows, no last line end and a byte order mark make no difference") {
  const auto reading = read(
      "\xEF\xBB\xBFTIMESTAMP,ContextTokens,GeneratedTokens\r\n"
      "2023-11-16 23:59:59.9,1,2\r\n"
      "2023-11-17 00:00:00,3,4");
  CHECK_FALSE(reading.error);
  REQUIRE(reading.rows.size() == 2);
  CHECK(reading.rows[1].at == 100ms);
  CHECK(reading.rows[1].generated_tokens == 4);
}

TEST_CASE("a broken row is left out, with its line and what is wrong") {
  CHECK(reason("2023-11-16 18:00:01,1") == "3 columns expected, 2 found");
  CHECK(reason("") == "3 columns expected, 1 found");
  CHECK(reason("2023-11-16 18:00:01,1,2,3") == "3 columns expected, 4 found");
  CHECK(reason("2023-11-16 18:00:01,,2") == "ContextTokens is no whole number: ''");
  CHECK(reason("2023-11-16 18:00:01,1,x") == "GeneratedTokens is no whole number: 'x'");
  CHECK(reason("2023-11-16 18:00:01,-1,2") == "ContextTokens is no whole number: '-1'");
  CHECK(reason("2023-11-16 18:00:01,1.5,2") == "ContextTokens is no whole number: '1.5'");
  CHECK(reason("2023-11-16 18:00:01, 1,2") == "ContextTokens is no whole number: ' 1'");
  CHECK(reason("2023-11-16 18:00:01,99999999999999999999999999,2") ==
        "ContextTokens is above 10000000");
  CHECK(reason("2023-11-16 18:00:01,1,4294967296") == "GeneratedTokens is above 10000000");
  CHECK(reason("2023-13-16 18:00:01,1,2") == "no date and time: '2023-13-16 18:00:01'");
  CHECK(reason("18:00:01,1,2") == "no date and time: '18:00:01'");
  CHECK(reason("2023-11-16 17:59:59,1,2") == "time goes back");
  CHECK(reason("2199-11-16 17:59:59,1,2") == "too long after the first row");
  CHECK(reason(std::string("2023-11-16 18:00:01\0,1,2", 24)) ==
        "no date and time: '2023-11-16 18:00:01?'");
  CHECK(reason("\x1b[2J,1,2") == "no date and time: '?[2J'");
  CHECK(reason(std::string(5000, '7')) == "longer than 1024 bytes");
}

TEST_CASE("other files are refused by their first line") {
  CHECK(read("").error->what == "t.csv: the file is empty");
  CHECK(read("a,b,c\n1,2,3\n").error->what == "t.csv: the first line is 'a,b,c'");
  CHECK(read("2023-11-16 18:00:00,1,2\n").error);
  CHECK(read(std::string(1 << 20, '\0')).error);
  CHECK(read(header).error->what == "t.csv: there is no row in it");
  CHECK(read(header + "x\n").error->what ==
        "t.csv: no row can be read: line 2: 3 columns expected, 1 found");
  for (const auto* text : {"", "a,b,c\n", "\n"})
    CHECK(read(text).error->code == ErrorCode::malformed);
}

TEST_CASE("too many broken rows are an error that quotes the first") {
  TraceLimits limits;
  limits.bad_rows_max = 2;
  const std::string good = "2023-11-16 18:00:00,1,2\n";
  const auto borne = read(header + good + "x\ny\n" + good, limits);
  CHECK_FALSE(borne.error);
  CHECK(borne.bad_rows == 2);
  CHECK(borne.rows.size() == 2);
  const auto refused = read(header + good + "x\ny\nz\n" + good, limits);
  REQUIRE(refused.error);
  CHECK(refused.error->code == ErrorCode::malformed);
  CHECK(refused.error->what.find("more than 2 rows cannot be read: line 3: 3 columns") !=
        std::string::npos);
}

TEST_CASE("a file of more rows than the limit is an error, not a full memory") {
  TraceLimits limits;
  limits.rows_max = 3;
  std::string text = header;
  for (int i = 0; i < 4; ++i) text += "2023-11-16 18:00:00,1,2\n";
  const auto reading = read(text, limits);
  REQUIRE(reading.error);
  CHECK(reading.error->code == ErrorCode::too_large);
  CHECK(reading.rows.size() == 3);
}

TEST_CASE("whatever bytes are damaged, rows stay in order and every line is accounted for") {
  Random random(11);
  std::string sound = header;
  for (int i = 10; i < 50; ++i) sound += "2023-11-16 18:15:" + std::to_string(i) + ".5,374,44\r\n";
  TraceLimits limits;
  limits.bad_rows_max = 1000;
  for (int round = 0; round < 2000; ++round) {
    std::string text = sound;
    for (std::uint64_t i = random.below(6) + 1; i > 0; --i) {
      const std::size_t at = header.size() + random.below(text.size() - header.size());
      if (random.chance(0.3))
        text.erase(at, random.below(30));
      else
        text[at] = static_cast<char>(random.below(256));
    }
    const auto reading = read(text, limits);
    std::size_t lines = 0;
    for (std::size_t i = header.size(); i < text.size(); ++i) lines += text[i] == '\n' ? 1 : 0;
    if (text.size() > header.size() && text.back() != '\n') ++lines;
    if (!reading.error) CHECK(reading.rows.size() + reading.bad_rows == lines);
    for (std::size_t i = 1; i < reading.rows.size(); ++i)
      CHECK(reading.rows[i].at >= reading.rows[i - 1].at);
  }
}

TEST_CASE("a trace file that is not there, or is a folder, is an error") {
  CHECK(read_trace("/nonexistent.csv").error().code == ErrorCode::io);
  CHECK_FALSE(read_trace(TROUPE_SOURCE_DIR));
}

TEST_CASE("the sample trace is sound and bursty enough to be worth replaying") {
  const auto trace = read_trace(TROUPE_SOURCE_DIR "/bench/data/sample-trace.csv");
  REQUIRE(trace);
  CHECK(trace->bad_rows == 0);
  CHECK(problems_text(*trace).empty());
  const auto arrivals = arrivals_of(*trace);
  CHECK(arrivals.size() >= 1000);
  CHECK(rate_per_second(arrivals) > 1);
  for (const auto& one : arrivals) CHECK(one.units >= 1);
}

TEST_CASE("what was left out is told in one line") {
  Trace trace;
  trace.rows.resize(10);
  trace.bad_rows = 2;
  trace.problems = {{3, "time goes back"}, {7, "3 columns expected, 1 found"}};
  CHECK(problems_text(trace) ==
        "2 of 12 rows were left out: line 3: time goes back; line 7: 3 columns expected, 1 found");
}

TEST_CASE("timestamps are read to the nanosecond, in UTC only") {
  CHECK(parse_timestamp("1970-01-01 00:00:00") == Duration(0));
  CHECK(parse_timestamp("1970-01-01 00:00:00.000000001") == Duration(1));
  CHECK(parse_timestamp("2023-11-16 18:15:46.6805900") == Duration(1700158546680590000));
  CHECK(parse_timestamp("2024-02-29T00:00:00.5Z") == Duration(1709164800500000000));
  CHECK(parse_timestamp("2024-05-10 00:00:00.009930+00:00") == Duration(1715299200009930000));
  for (const auto* text :
       {"", "2023", "2023-02-29 00:00:00", "2023-11-16", "2023-11-16 24:00:00",
        "2023-11-16 18:60:00", "2023-11-16 18:15:61", "2023-11-16 18:15:46.",
        "2023-11-16 18:15:46.1234567890", "2023-11-16 18:15:46+01:00", "2023-11-16  18:15:46",
        " 2023-11-16 18:15:46", "2023-11-16 18:15:46 ", "1969-12-31 23:59:59",
        "9999-01-01 00:00:00", "2023-1-6 18:15:46", "+023-11-16 18:15:46", "2023-00-10 00:00:00"}) {
    INFO(text);
    CHECK_FALSE(parse_timestamp(text));
  }
}
