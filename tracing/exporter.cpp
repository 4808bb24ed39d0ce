#include "tracing/exporter.hpp"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "base/clock.hpp"
#include "tracing/collector.hpp"
#include "tracing/shipment.hpp"

namespace troupe::tracing {
namespace {

constexpr Duration post_limit = std::chrono::seconds(3);

Moment this_moment() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
  return {now(), static_cast<std::uint64_t>(unix_ns)};
}

}  // namespace

Exporter::Exporter(ExporterOptions options, Tracer& tracer, Log& log)
    : options_(std::move(options)), tracer_(tracer), log_(log), thread_([this] { run(); }) {}

Exporter::~Exporter() {
  stopping_.store(true);
  tracer_.wake();
  thread_.join();
}

void Exporter::run() {
  ::pthread_setname_np(::pthread_self(), "spans");
  const Collector collector(options_.host, options_.port, post_limit);
  Shipment shipment(
      {}, tracer_,
      [&](const std::vector<Span>& batch) {
        return collector.post("/v1/traces", to_otlp(options_.resource, batch, this_moment()));
      },
      [&](const Answer& answer, std::size_t spans) {
        log_.warn("spans were dropped: the collector did not take them",
                  {{"spans", spans}, {"host", options_.host}, {"status", answer.status}});
      });
  while (!stopping_.load()) {
    const auto next = shipment.work(now());
    if (next.in > Duration::zero()) tracer_.wait(next.spans, next.in);
  }
  shipment.finish();
}

}  // namespace troupe::tracing
