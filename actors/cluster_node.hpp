// One of the cluster's nodes, as every other one has to know it.
#pragma once

#include <string>
#include <vector>

#include "transport/link.hpp"

namespace troupe::actors {

struct ClusterNode {
  std::string name;
  transport::Endpoint endpoint;
  std::vector<transport::PublicKey> keys;  // one, or two while it is rotated
};

}  // namespace troupe::actors
