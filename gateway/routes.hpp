// Which question a request asks: its method and target, taken apart. A pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"

namespace troupe::gateway {

enum class Ask : std::uint8_t {
  live,           // GET  /v2/health/live
  ready,          // GET  /v2/health/ready
  server,         // GET  /v2
  model,          // GET  /v2/models/M[/versions/V]
  model_ready,    // GET  /v2/models/M[/versions/V]/ready
  infer,          // POST /v2/models/M[/versions/V]/infer
  model_stats,    // GET  /v2/models/M[/versions/V]/stats
  all_stats,      // GET  /v2/models/stats
  index,          // POST /v2/repository/index
  load,           // POST /v2/repository/models/M/load
  unload,         // POST /v2/repository/models/M/unload
  models,         // GET  /v1/models
  one_model,      // GET  /v1/models/M
  embeddings,     // POST /v1/embeddings
  metrics,        // GET  /metrics
  status_page,    // GET  / and /status
  status,         // GET  /status.json
  status_events,  // GET  /status/events
  job,            // GET, DELETE /v2/jobs/ID
  job_result,     // GET  /v2/jobs/ID/result
  job_events,     // GET  /v2/jobs/ID/events
  unknown
};
inline constexpr std::size_t asks = 22;

// "infer", as it stands in metrics.
std::string_view name(Ask ask) noexcept;

struct Route {
  Ask ask = Ask::unknown;
  std::string model;
  std::string version;     // empty: none was named
  std::string_view allow;  // not empty: the method is not allowed, these are
  std::string job;         // its id
};

// HEAD is taken for GET. A target that nobody serves is Ask::unknown.
Route route(std::string_view method, std::string_view target);

// Whether errors of this target are told in OpenAI's form; otherwise in that of KServe.
bool is_openai(std::string_view target) noexcept;

}  // namespace troupe::gateway
