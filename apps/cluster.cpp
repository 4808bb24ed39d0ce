#include "apps/cluster.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/log.hpp"
#include "client/cluster_file.hpp"

namespace troupe::apps {
namespace {

// A node's own words do not always say which node it is.
Error naming(const std::string& node, Error error) {
  const std::string quoted = "'" + node + "'";
  if (error.what.find(quoted) == std::string::npos)
    error.what = "node " + quoted + ": " + error.what;
  return error;
}

}  // namespace

Result<Cluster> load_cluster(const ConfigOptions& options) {
  auto loaded = config::load_config(options.config, {config::config_environment(), options.set});
  if (!loaded) return loaded.error();
  auto keys = load_cluster_keys(loaded->config);
  if (!keys) return keys.error();
  return Cluster{std::move(loaded->config), std::move(loaded->settings), std::move(*keys),
                 options.as};
}

Result<std::unique_ptr<Client>> open_client(const Cluster& cluster) {
  // The others would take it for the node, started anew.
  if (cluster.keys.nodes.contains(cluster.as))
    return Error{ErrorCode::invalid_argument, "'" + cluster.as + "' is a node, and no client",
                 "give --as the name of a client's key"};
  auto options = client_options(cluster.config, cluster.keys, cluster.as);
  if (!options) return options.error();
  return Client::open(std::move(*options));
}

Result<std::string> choose_node(const Config& config, const std::string& given) {
  if (given.empty()) return config.nodes.front().name;
  const auto same = [&](const config::NodeConfig& node) { return node.name == given; };
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

Result<Reached> reach(const ConfigOptions& options, const std::string& node) {
  auto cluster = load_cluster(options);
  if (!cluster) return cluster.error();
  auto nodes = choose_nodes(cluster->config, node);
  if (!nodes) return nodes.error();
  auto client = open_client(*cluster);
  if (!client) return client.error();
  return Reached{std::move(*cluster), std::move(*nodes), std::move(*client)};
}

Result<nlohmann::json> ask(Client& client, const std::string& node, const std::string& verb,
                           const std::string& body, Duration limit) {
  const auto answer = client.control(node, verb, body, limit);
  if (!answer) return naming(node, answer.error());
  auto read = nlohmann::json::parse(*answer, nullptr, false);
  if (!read.is_object())
    return Error{ErrorCode::malformed, "node '" + node + "' answered no JSON", ""};
  return read;
}

Result<std::string> ask_each(const Question& question, const OnAnswer& on_answer) {
  constexpr Duration connect_limit = std::chrono::seconds(5);
  const auto reached = reach(question.config, question.node);
  if (!reached) return reached.error();
  for (const auto& name : reached->nodes) {
    if (auto up = reached->client->wait_connected(name, connect_limit); !up) return up.error();
    auto answer = ask(*reached->client, name, question.verb, question.body, question.limit);
    if (!answer) return answer.error();
    on_answer(name, std::move(*answer));
  }
  return reached->cluster.config.cluster.name;
}

std::unique_ptr<Log> open_log(const Config& config, const std::string& node) {
  return make_log(config.log.level, log_format(config.log.format, stderr), node, stderr);
}

}  // namespace troupe::apps
