// Where in a distributed trace something belongs: the trace, and the span in it that caused it, as
// the W3C's Trace Context has them (https://www.w3.org/TR/trace-context/). Tasks and messages carry
// one, so that what several programs did for one request can be found together.
//
// Two words and a half by value; whoever does not trace has none. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

struct Trace {
  std::uint64_t high = 0;  // of the trace's 128-bit id
  std::uint64_t low = 0;
  std::uint64_t span = 0;  // of the span that caused this
  bool sampled = false;    // whoever began it wants its spans recorded

  bool operator==(const Trace&) const = default;
  // Both ids must be there for either to mean anything.
  [[nodiscard]] bool is_none() const noexcept { return (high == 0 && low == 0) || span == 0; }
};

// Nothing where the text does not follow the standard: then there is no trace, as it demands.
std::optional<Trace> parse_traceparent(std::string_view text);

// "00-TRACE-SPAN-01", or -00 where it is not sampled.
std::string traceparent(const Trace& trace);

std::string trace_id(const Trace& trace);  // 32 lower-case hex digits; nothing of none
std::string span_id(std::uint64_t span);   // 16

}  // namespace troupe
