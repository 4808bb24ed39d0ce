// Recorded arrivals, read from files of the Azure LLM inference traces:
//
//   TIMESTAMP,ContextTokens,GeneratedTokens
//   2023-11-16 18:15:46.6805900,374,44
//
// Lines end with LF or CRLF, the last one perhaps with nothing; up to nine digits of a second; "Z",
// "+00:00" and a "T" before the time are understood, other zones are not. Rows stand in the order
// of time.
//
// The file is from outside: a row that cannot be read is left out, counted and told with its line
// and what is wrong with it; too many of them end the reading, for then it is another kind of file.
// Read row by row, so that memory does not grow with the file unless the caller keeps the rows.
//
// Source of the format: Azure LLM Inference Trace 2023 (Patel et al., "Splitwise", ISCA 2024).
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/harness/arrivals.hpp"

namespace troupe::bench::harness {

struct TraceRow {
  Duration at{};  // since the first row
  std::uint32_t context_tokens = 0;
  std::uint32_t generated_tokens = 0;
};

// A row that was left out.
struct TraceProblem {
  std::uint64_t line = 0;  // from 1
  std::string reason;      // "3 columns expected, 2 found"
};

struct TraceLimits {
  std::uint64_t rows_max = 10'000'000;
  std::size_t line_bytes_max = 1024;
  std::uint64_t bad_rows_max = 100;  // one more is an error
  std::uint32_t tokens_max = 10'000'000;
  Duration span_max = std::chrono::hours(24 * 366);
};

class TraceReader {
 public:
  // The stream outlives the reader. `what` names it in errors.
  TraceReader(std::istream& in, std::string what, TraceLimits limits = {});

  // The next good row; nothing at the end. Errors: malformed for a header that is another one, more
  // than bad_rows_max bad rows (the first few are quoted) and a file without any good row;
  // too_large above rows_max; io. After an error there is nothing more to read.
  Result<std::optional<TraceRow>> next();

  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t bad_rows() const noexcept { return bad_rows_; }
  // The first of them, at most problems_max.
  [[nodiscard]] const std::vector<TraceProblem>& problems() const noexcept { return problems_; }

  static constexpr std::size_t problems_max = 20;

 private:
  enum class LineEnd { line, too_long, nothing };
  LineEnd read_line();
  Status read_header();
  Result<TraceRow> parse_row();
  Result<std::optional<TraceRow>> finish();
  Error failure(const std::string& why) const;

  std::istream& in_;
  std::string what_;
  TraceLimits limits_;
  std::string line_;
  std::uint64_t line_number_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t bad_rows_ = 0;
  std::vector<TraceProblem> problems_;
  std::optional<Duration> first_;  // since 1970
  Duration last_{};
  bool has_header_ = false;
};

struct Trace {
  std::vector<TraceRow> rows;
  std::uint64_t bad_rows = 0;
  std::vector<TraceProblem> problems;
};

// The whole of a file.
Result<Trace> read_trace(const std::string& path, TraceLimits limits = {});

// As open loops and the simulator replay it: a task's units are its tokens of context, at least 1.
std::vector<Arrival> arrivals_of(const Trace& trace);

// "3 of 19366 rows were left out: line 7: ...; line 9: ...", or empty if none was.
std::string problems_text(const Trace& trace);

}  // namespace troupe::bench::harness
