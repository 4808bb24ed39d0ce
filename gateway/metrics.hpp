// What GET /metrics answers: the node's counts, the door's own and the process's, in Prometheus'
// text format. A pure function. docs/http.md lists the families.
#pragma once

#include <cstddef>

#include "actors/node_status.hpp"
#include "gateway/http_stats.hpp"
#include "gateway/jobs.hpp"
#include "gateway/message.hpp"
#include "gateway/process_facts.hpp"
#include "gateway/server.hpp"

namespace troupe::gateway {

// Tenants are named by whoever asks, so no more of them than this have series of their own; the
// others are counted together as "(others)". All other labels come from the config or from code.
inline constexpr std::size_t metrics_tenants_max = 64;

// What the door knows of itself, and of the process that it is in.
struct DoorFacts {
  HttpCounts http;
  HttpCounts grpc;
  ServerCounters server;
  JobCounts jobs;
  ProcessFacts process;
};

Response metrics_response(const actors::NodeFacts& node, const DoorFacts& door);

}  // namespace troupe::gateway
