#include "apps/cluster.hpp"

#include <algorithm>

#include "apps/log.hpp"

namespace troupe::apps {

Result<Cluster> load_cluster(const ConfigOptions& options) {
  auto loaded = load_config(options.config, {config_environment(), options.set});
  if (!loaded) return loaded.error();
  auto keys = load_cluster_keys(loaded->config);
  if (!keys) return keys.error();
  return Cluster{std::move(loaded->config), std::move(*keys)};
}

Result<std::unique_ptr<transport::Client>> open_client(const Cluster& cluster) {
  auto own = load_private_keys(cluster.keys, "client");
  if (!own) return own.error();
  return transport::Client::open("client", std::move(*own),
                                 client_nodes(cluster.config, cluster.keys),
                                 cluster.config.link.heartbeat_interval);
}

Result<std::string> choose_node(const Config& config, const std::string& given) {
  if (given.empty()) return config.nodes.front().name;
  const auto same = [&](const NodeConfig& node) { return node.name == given; };
  if (std::any_of(config.nodes.begin(), config.nodes.end(), same)) return given;
  std::string names;
  for (const auto& node : config.nodes) names += (names.empty() ? "" : ", ") + node.name;
  return Error{ErrorCode::config, "there is no node '" + given + "' in this cluster",
               "choose one of: " + names};
}

Result<std::vector<std::string>> choose_nodes(const Config& config, const std::string& given) {
  std::vector<std::string> names;
  if (!given.empty()) {
    const auto node = choose_node(config, given);
    if (!node) return node.error();
    names.push_back(*node);
  } else {
    for (const auto& node : config.nodes) names.push_back(node.name);
  }
  return names;
}

std::unique_ptr<Log> open_log(const Config& config, const std::string& node) {
  return make_log(config.log.level, log_format(config.log.format, stderr), node, stderr);
}

}  // namespace troupe::apps
