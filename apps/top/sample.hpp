// A node's status (docs/operations.md) as `troupe top` reads it: the fields that it shows, typed. A
// status comes from another process: what is missing counts as zero, what has a wrong type is an
// error.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace troupe::apps {

using Counts = std::map<std::string, std::uint64_t>;

struct TimesSample {
  std::uint64_t count = 0;
  double sum_ms = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  std::map<std::uint64_t, std::uint64_t> ranges_us;  // samples by their range's upper edge
};

struct LaneSample {
  std::uint64_t accepted = 0;
  std::uint64_t completed = 0;
  std::uint64_t turned_away = 0;
  std::uint64_t queued = 0;
  std::uint64_t launched = 0;
  std::uint64_t batches = 0;
  std::uint64_t yields = 0;
  Counts failed;                                       // by error code
  std::map<std::uint64_t, std::uint64_t> batch_tasks;  // batches by how many tasks they had
  TimesSample queue;
  TimesSample batch_wait;
  TimesSample total;
};

struct DeviceSample {
  std::string name;
  std::string description;
  std::string state;
  double busy_s = 0;
};

struct ModelSample {
  std::string name;
  std::string state;
  std::string error;  // of the last attempt to load it; empty: none
};

struct TenantSample {
  std::string name;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
};

struct NodeSample {
  std::uint64_t epoch = 0;
  double uptime_s = 0;
  bool ready = false;
  bool draining = false;
  std::map<std::string, bool> peers_up;
  std::array<LaneSample, 2> lanes;  // urgent, ordinary
  Counts launches;                  // by reason
  std::uint64_t launches_inside = 0;
  std::vector<DeviceSample> devices;
  std::vector<ModelSample> models;
  std::vector<std::string> policies;
  Counts agents;  // by type
  std::vector<TenantSample> tenants;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_bytes_max = 0;
  std::uint64_t memory_documents = 0;
  std::string memory_error;  // of the last saving; empty: none
  std::uint64_t tasks_moved = 0;
  Counts link;
};

// Errors: malformed.
Result<NodeSample> read_sample(std::string_view status);

}  // namespace troupe::apps
