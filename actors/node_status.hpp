// A node's state as JSON, for `troupe status` and the scenarios' reports. docs/operations.md says
// what each field means.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/stats.hpp"
#include "kernels/device.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

struct NodeFacts {
  std::string name;
  std::uint64_t epoch = 0;
  Duration uptime{};
  std::vector<std::string> nodes;
  std::vector<std::string> models;
  std::vector<kernels::DeviceInfo> devices;
  std::map<std::string, std::size_t> agents;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_documents = 0;
  std::map<std::string, bool> peers;
  transport::LinkCounters link;
  NodeStats stats;
};

std::string to_json(const NodeFacts& facts);

}  // namespace troupe::actors
