// From a cluster's config to the options of one of its nodes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "config/cluster_keys.hpp"
#include "config/config.hpp"
#include "gateway/front_door.hpp"
#include "gateway/grpc/grpc_door.hpp"
#include "tracing/exporter.hpp"

namespace troupe::apps {

using config::ClusterKeys;
using config::Config;

// Its nodes, as each of them has to know the others.
std::vector<actors::ClusterNode> cluster_nodes(const Config& config, const ClusterKeys& keys);

// All but its modules of agents. Errors: config for a name that is not in the file, what the key
// files say.
Result<actors::NodeOptions> node_options(const Config& config, const ClusterKeys& keys,
                                         const std::string& name);

// The agents that every node of this program has: those of the scenarios.
std::vector<std::shared_ptr<actors::AgentModule>> built_in_modules();

// Where its spans go; nothing where they go nowhere.
std::optional<tracing::ExporterOptions> exporter_options(const Config& config,
                                                         const std::string& name);

// Of the node's HTTP and of the desks behind gRPC; nothing where it serves neither. Errors: config.
Result<std::optional<gateway::FrontDoorOptions>> front_door_options(const Config& config,
                                                                    const std::string& name);

// Of the node's gRPC; nothing where it serves none.
std::optional<gateway::GrpcOptions> grpc_options(const Config& config, const std::string& name);

}  // namespace troupe::apps
