// Spans as OTLP has them: the body of a POST to a collector's /v1/traces, in JSON
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). A pure function.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/time.hpp"
#include "tracing/span.hpp"

namespace troupe::tracing {

// Who recorded the spans.
struct Resource {
  std::string service;   // the cluster
  std::string instance;  // the node
  std::string version;
};

// Spans stand on the monotonic clock; others know the time of day. The same moment on both.
struct Moment {
  Instant here;
  std::uint64_t unix_ns = 0;
};

std::string to_otlp(const Resource& resource, std::span<const Span> spans, const Moment& moment);

}  // namespace troupe::tracing
