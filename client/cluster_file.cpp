#include "client/cluster_file.hpp"

#include "config/load.hpp"

namespace troupe {

Result<ClientOptions> client_options(const config::Config& config, const config::ClusterKeys& keys,
                                     const std::string& name) {
  auto own = config::load_private_keys(keys, name);
  if (!own) return own.error();
  ClientOptions options;
  options.name = name;
  options.public_key = own->public_key.z85;
  options.secret_key = own->secret_z85;
  options.heartbeat_interval = config.link.heartbeat_interval;
  for (const auto& node : config.nodes)
    options.nodes.push_back(
        {node.name, node.host, node.urgent_port, node.ordinary_port, keys.nodes.at(node.name).z85});
  return options;
}

Result<ClientOptions> read_cluster_file(const std::string& path, const std::string& name) {
  const auto loaded = config::load_config(path, {config::config_environment(), {}});
  if (!loaded) return loaded.error();
  const auto keys = config::load_cluster_keys(loaded->config);
  if (!keys) return keys.error();
  return client_options(loaded->config, *keys, name);
}

Result<std::unique_ptr<Client>> connect(const std::string& cluster_file, const std::string& name) {
  auto options = read_cluster_file(cluster_file, name);
  if (!options) return options.error();
  return Client::open(std::move(*options));
}

}  // namespace troupe
