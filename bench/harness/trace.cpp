#include "bench/harness/trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <istream>

#include "bench/harness/timestamp.hpp"

namespace troupe::bench::harness {
namespace {

constexpr std::string_view header = "TIMESTAMP,ContextTokens,GeneratedTokens";
constexpr std::size_t problems_quoted = 3;

Error bad(std::string reason) {
  return {ErrorCode::malformed, std::move(reason), ""};
}

// What a file says must not move the reader's cursor.
std::string shown(std::string_view text) {
  constexpr std::size_t bytes_max = 40;
  std::string safe;
  for (const char c : text.substr(0, bytes_max)) safe += c >= 0x20 && c < 0x7f ? c : '?';
  return "'" + safe + (text.size() > bytes_max ? "..." : "") + "'";
}

Result<std::uint32_t> parse_tokens(std::string_view text, const char* column,
                                   std::uint32_t tokens_max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range ||
      (error == std::errc{} && end == text.data() + text.size() && value > tokens_max))
    return bad(std::string(column) + " is above " + std::to_string(tokens_max));
  if (error != std::errc{} || end != text.data() + text.size())
    return bad(std::string(column) + " is no whole number: " + shown(text));
  return static_cast<std::uint32_t>(value);
}

std::string quoted_problems(const std::vector<TraceProblem>& problems) {
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), problems_quoted); ++i)
    text += (i == 0 ? "line " : "; line ") + std::to_string(problems[i].line) + ": " +
            problems[i].reason;
  return text;
}

}  // namespace

TraceReader::TraceReader(std::istream& in, std::string what, TraceLimits limits)
    : in_(in), what_(std::move(what)), limits_(limits) {}

// By hand, because std::getline would keep a line of any length.
TraceReader::LineEnd TraceReader::read_line() {
  line_.clear();
  bool too_long = false;
  bool any = false;
  std::streambuf* bytes = in_.rdbuf();
  for (int c = bytes->sbumpc(); c != std::char_traits<char>::eof(); c = bytes->sbumpc()) {
    any = true;
    if (c == '\n') break;
    if (line_.size() < limits_.line_bytes_max)
      line_ += static_cast<char>(c);
    else
      too_long = true;
  }
  if (!any) return LineEnd::nothing;
  ++line_number_;
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  return too_long ? LineEnd::too_long : LineEnd::line;
}

Error TraceReader::failure(const std::string& why) const {
  return {ErrorCode::malformed, what_ + ": " + why,
          "give a file whose lines are " + std::string(header)};
}

Status TraceReader::read_header() {
  has_header_ = true;
  if (read_line() == LineEnd::nothing) return failure("the file is empty");
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  std::string_view line = line_;
  if (line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  if (line != header) return failure("the first line is " + shown(line));
  return {};
}

Result<TraceRow> TraceReader::parse_row() {
  std::array<std::string_view, 3> cells;
  std::size_t columns = 0;
  for (std::string_view rest = line_;; ++columns) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    if (columns < cells.size()) cells[columns] = rest.substr(0, comma);
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  if (++columns != cells.size())
    return bad("3 columns expected, " + std::to_string(columns) + " found");
  const auto at = parse_timestamp(cells[0]);
  if (!at) return bad("no date and time: " + shown(cells[0]));
  const auto context = parse_tokens(cells[1], "ContextTokens", limits_.tokens_max);
  if (!context) return context.error();
  const auto generated = parse_tokens(cells[2], "GeneratedTokens", limits_.tokens_max);
  if (!generated) return generated.error();
  if (first_ && *at < last_) return bad("time goes back");
  if (first_ && *at - *first_ > limits_.span_max) return bad("too long after the first row");
  if (!first_) first_ = *at;
  last_ = *at;
  return TraceRow{*at - *first_, *context, *generated};
}

Result<std::optional<TraceRow>> TraceReader::next() {
  if (!has_header_)
    if (auto sound = read_header(); !sound) return sound.error();
  for (;;) {
    const LineEnd end = read_line();
    if (end == LineEnd::nothing) return finish();
    auto row = end == LineEnd::too_long
                   ? Result<TraceRow>(
                         bad("longer than " + std::to_string(limits_.line_bytes_max) + " bytes"))
                   : parse_row();
    if (row) {
      if (++rows_ > limits_.rows_max)
        return Error{ErrorCode::too_large,
                     what_ + ": more than " + std::to_string(limits_.rows_max) + " rows",
                     "use a part of it"};
      return std::optional<TraceRow>(*row);
    }
    if (problems_.size() < problems_max) problems_.push_back({line_number_, row.error().what});
    if (++bad_rows_ > limits_.bad_rows_max)
      return failure("more than " + std::to_string(limits_.bad_rows_max) +
                     " rows cannot be read: " + quoted_problems(problems_));
  }
}

Result<std::optional<TraceRow>> TraceReader::finish() {
  if (in_.bad()) return Error{ErrorCode::io, "cannot read " + what_, "read it again"};
  if (rows_ == 0)
    return failure(problems_.empty() ? "there is no row in it"
                                     : "no row can be read: " + quoted_problems(problems_));
  return std::optional<TraceRow>{};
}

Result<Trace> read_trace(const std::string& path, TraceLimits limits) {
  std::ifstream file(path, std::ios::binary);
  // A folder opens, but has no bytes.
  if (!file || (file.peek(), file.bad()))
    return Error{ErrorCode::io, "cannot read the trace " + path, "check the path"};
  file.clear();
  TraceReader reader(file, path, limits);
  Trace trace;
  for (;;) {
    auto row = reader.next();
    if (!row) return row.error();
    if (!*row) break;
    trace.rows.push_back(**row);
  }
  trace.bad_rows = reader.bad_rows();
  trace.problems = reader.problems();
  return trace;
}

std::vector<Arrival> arrivals_of(const Trace& trace) {
  std::vector<Arrival> arrivals;
  arrivals.reserve(trace.rows.size());
  for (const auto& row : trace.rows)
    arrivals.push_back({row.at, std::max<std::uint32_t>(row.context_tokens, 1)});
  return arrivals;
}

std::string problems_text(const Trace& trace) {
  if (trace.bad_rows == 0) return "";
  return std::to_string(trace.bad_rows) + " of " +
         std::to_string(trace.rows.size() + trace.bad_rows) +
         " rows were left out: " + quoted_problems(trace.problems);
}

}  // namespace troupe::bench::harness
