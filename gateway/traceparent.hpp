// W3C trace context (https://www.w3.org/TR/trace-context/): the `traceparent` of a request, and
// ours for the response. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::gateway {

struct Trace {
  std::string trace_id;  // 32 lower-case hex digits, not all zero
  std::string span_id;   // 16, likewise
  std::uint8_t flags = 0;

  [[nodiscard]] bool sampled() const noexcept { return (flags & 1U) != 0; }
};

// Nothing where the header does not follow the standard: then a new trace begins, as it demands.
std::optional<Trace> parse_traceparent(std::string_view header);

// Our span below `parent`, or of a new trace that is not sampled. Three random numbers, not zero.
Trace child_of(const std::optional<Trace>& parent, std::uint64_t span, std::uint64_t trace_high,
               std::uint64_t trace_low);

std::string to_string(const Trace& trace);

}  // namespace troupe::gateway
