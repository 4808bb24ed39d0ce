// A span: something that took its time for the sake of a trace, in OpenTelemetry's words. Whoever
// forms one knows nothing of how it leaves the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "base/trace.hpp"

namespace troupe::tracing {

// The numbers are OTLP's.
enum class SpanKind : std::uint8_t { internal = 1, server = 2, client = 3 };

struct Attribute {
  using Value = std::variant<std::string, std::int64_t, double, bool>;
  std::string_view key;  // of static storage: "troupe.lane"
  Value value;
};

struct Span {
  Trace self;                // its trace, and in it its own id
  std::uint64_t parent = 0;  // in the same trace; 0: it is the first
  std::string_view name;     // of static storage: names are few
  SpanKind kind = SpanKind::internal;
  Instant begin;
  Instant end;
  std::vector<Attribute> attributes;
  std::vector<Trace> links;  // other spans that it has to do with, of whatever traces
  std::string error;         // why what it tells of failed; empty: it did not

  // One below it, of the same trace.
  [[nodiscard]] Span below(std::uint64_t id, std::string_view named, Instant from,
                           Instant to) const {
    Span child;
    child.self = self;
    child.self.span = id;
    child.parent = self.span;
    child.name = named;
    child.begin = from;
    child.end = to;
    return child;
  }
};

}  // namespace troupe::tracing
