// The thread that takes a tracer's spans to a collector, by OTLP over HTTP. Whatever the collector
// does, nobody else waits for it: what it cannot take in time is dropped and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "tracing/otlp.hpp"
#include "tracing/tracer.hpp"

namespace troupe::tracing {

struct ExporterOptions {
  std::string host;
  std::uint16_t port = 0;
  Resource resource;
};

class Exporter {
 public:
  // Starts the thread. `tracer` and `log` outlive it.
  Exporter(ExporterOptions options, Tracer& tracer, Log& log);
  // Sends what is left, if the collector takes it at once: within some seconds.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

 private:
  void run();

  const ExporterOptions options_;
  Tracer& tracer_;
  Log& log_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace troupe::tracing
