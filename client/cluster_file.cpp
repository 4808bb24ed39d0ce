#include "client/cluster_file.hpp"

#include "config/load.hpp"
#include "transport/key_files.hpp"

namespace troupe {
namespace {

std::optional<FreshKeys> read_fresh_keys(const std::string& folder, const std::string& name,
                                         const std::string& node) {
  auto own = transport::read_key_file(folder + "/" + name + ".key");
  const auto theirs = transport::read_public_file(folder + "/" + node + ".pub");
  if (!own || !theirs) return std::nullopt;
  FreshKeys fresh{own->public_key.z85, std::move(own->secret_z85), {}};
  for (const auto& half : theirs->halves()) fresh.node_keys.push_back(half.z85);
  return fresh;
}

}  // namespace

Result<ClientOptions> client_options(const config::Config& config, const config::ClusterKeys& keys,
                                     const std::string& name) {
  auto own = config::load_private_keys(keys, name);
  if (!own) return own.error();
  ClientOptions options;
  options.name = name;
  options.public_key = own->public_key.z85;
  options.secret_key = own->secret_z85;
  options.heartbeat_interval = config.link.heartbeat_interval;
  options.hedge = config.delivery.hedge;
  options.location = parse_location(config.client.location);
  for (const auto& node : config.nodes) {
    const auto& halves = keys.nodes.at(node.name);
    options.nodes.push_back({node.name, node.host, node.urgent_port, node.ordinary_port,
                             halves.front().z85, halves.size() > 1 ? halves[1].z85 : "",
                             parse_location(node.location)});
  }
  options.fresh_keys = [folder = keys.folder, name](const std::string& node) {
    return read_fresh_keys(folder, name, node);
  };
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
