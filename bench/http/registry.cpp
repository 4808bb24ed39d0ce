#include "bench/http/registry.hpp"

#include <array>

#include "bench/http/scenarios.hpp"

namespace troupe::bench::http {

std::span<const harness::Scenario> http_scenarios() {
  static constexpr std::array<harness::Scenario, 5> all = {{
      {"latency", "What a task takes over HTTP, and through the C++ client", run_latency},
      {"connections", "Answers a second on 1, 64 and 512 connections", run_connections},
      {"idle", "What a new connection waits beside 1,000 that are silent", run_idle},
      {"layer", "Our server against the bare library, the same bytes", run_layer},
      {"metrics", "What being scraped costs", run_metrics},
  }};
  return all;
}

}  // namespace troupe::bench::http
