// What happened on a node between two looks at its status: the figures of `troupe top`. Pure
// functions. The time between the looks is the node's own (`uptime_s`), so that an answer that was
// long on its way bends no rate; a node that was started anew in between has no figures yet.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/top/sample.hpp"

namespace troupe::apps {

// One look at one node.
struct Look {
  std::string node;
  std::optional<NodeSample> sample;  // none: it did not answer, or nonsense
  std::string error;                 // then, why
};

// Why tasks of a lane ended without a result, or were not even taken.
struct RefusalView {
  std::string lane;
  std::string code;
  bool at_the_door = false;  // never accepted
  std::optional<double> per_s;
  std::uint64_t since_start = 0;
};

struct LaneView {
  std::optional<double> accepted_per_s;
  std::optional<double> completed_per_s;
  std::optional<double> batches_per_s;
  std::optional<double> yields_per_s;
  std::optional<double> p50_ms;  // of the interval, or since the start: see below
  std::optional<double> p99_ms;
  bool percentiles_of_interval = false;
  std::optional<double>
      company_share;       // of the time in the queue: a device was free, company not there
  std::uint64_t late = 0;  // of those that ended: expired or infeasible
  std::uint64_t ended = 0;
  std::optional<double> late_share;
  std::map<std::uint64_t, std::uint64_t> batch_tasks;
  bool batch_tasks_of_interval = false;
};

struct NodeView {
  std::string node;
  std::optional<NodeSample> now;     // none: unreachable
  std::string error;                 // then, why
  std::optional<double> interval_s;  // none: no earlier look of this run of the node
  std::array<LaneView, 2> lanes;     // urgent, ordinary
  std::map<std::string, double> launches_per_s;
  std::optional<double> inside_per_s;
  std::vector<std::optional<double>> busy;  // by device: the share of the interval
  std::vector<std::optional<double>> tenants_per_s;
  std::vector<RefusalView> refusals;  // the most frequent first
  std::optional<double> sent_per_s;
  std::optional<double> received_per_s;
};

struct ClusterView {
  std::string cluster;
  std::vector<NodeView> nodes;
};

// `before` may be of another node or of none.
NodeView view_between(const Look* before, const Look& after);

// For --json.
nlohmann::json view_json(const ClusterView& view);

}  // namespace troupe::apps
