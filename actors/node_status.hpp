// What a node tells of itself, and the same as JSON for `troupe status` and the scenarios' reports.
// docs/operations.md says what each field means.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/memory_keeper.hpp"
#include "actors/model_shelf.hpp"
#include "actors/stats.hpp"
#include "kernels/device.hpp"
#include "tracing/tracer.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

struct PolicyFacts {
  std::string name;
  std::uint32_t observation = 0;  // how many numbers it looks at
  std::uint32_t actions = 0;      // how many it chooses among
};

// What a node that is being taken out of service still has. It is empty when all three are zero.
struct DrainFacts {
  bool draining = false;             // while it is not, the rest is not counted
  std::uint64_t tasks = 0;           // of clients and other nodes
  std::uint64_t agents = 0;          // mail and tasks that the agents here have in hand
  std::uint64_t requests = 0;        // of the program around it: over HTTP
  std::uint64_t sent_elsewhere = 0;  // tasks that it did not take, ever
  [[nodiscard]] bool empty() const noexcept { return tasks + agents + requests == 0; }
};

struct NodeFacts {
  std::string name;
  std::uint64_t epoch = 0;
  Instant at{};  // when all this was so
  Duration uptime{};
  std::vector<std::string> nodes;
  std::vector<ModelFacts> models;     // by the ModelId of encode
  std::vector<PolicyFacts> policies;  // by the ModelId of act
  std::vector<std::string> tenants;   // their names by TenantId
  std::vector<kernels::DeviceInfo> devices;
  std::map<std::string, std::size_t> agents;
  std::map<std::string, std::size_t> hosts;  // processes that host agents, by type
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_bytes_max = 0;
  std::uint64_t memory_documents = 0;
  std::optional<KeptMemories> kept;  // none: they go with the node
  DrainFacts drain;
  std::map<std::string, bool> peers;
  std::vector<std::string> living;  // nodes on which agents live, as this one sees it
  std::size_t mail_waiting = 0;     // letters for nodes that are down
  transport::LinkCounters link;
  std::map<std::string, transport::LinkBacklog> backlogs;  // between this node and others
  std::uint64_t tasks_moved = 0;  // submitted here, sent to less busy nodes
  OfferCounts offers;
  tracing::SpanCounts spans;
  NodeStats stats;
};

// Whether it takes tasks: it does not drain, and any of its devices works, or it has none.
[[nodiscard]] bool is_ready(const NodeFacts& facts);

std::string to_json(const NodeFacts& facts);

// The answer to the control verbs "load" and "unload".
std::string to_json(const ModelFacts& model);

// The answer to the control verbs "drain", "undrain" and "stop".
std::string to_json(const std::string& node, std::uint64_t epoch, const DrainFacts& drain);

// The answer to the control verb "save".
std::string to_json(const KeptMemories& kept, std::uint64_t documents);

}  // namespace troupe::actors
