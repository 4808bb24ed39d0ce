// From a cluster's config to the options of one of its nodes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "apps/cluster_keys.hpp"
#include "apps/config/config.hpp"

namespace troupe::apps {

// Errors: config for a name that is not in the file, what the key files say.
Result<actors::NodeOptions> node_options(const Config& config, const ClusterKeys& keys,
                                         const std::string& name,
                                         std::vector<std::shared_ptr<actors::AgentModule>> modules);

}  // namespace troupe::apps
