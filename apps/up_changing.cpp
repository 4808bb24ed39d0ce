#include "apps/up_changing.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/draining.hpp"
#include "base/clock.hpp"

namespace troupe::apps {
namespace {

constexpr Duration drain_max = std::chrono::minutes(1);
constexpr Duration look_interval = std::chrono::milliseconds(100);
constexpr Duration connect_limit = std::chrono::seconds(3);
constexpr Duration answer_limit = std::chrono::seconds(10);

std::vector<std::string> names_missing_in(const Config& config, const Config& other) {
  std::vector<std::string> missing;
  for (const auto& node : config.nodes)
    if (std::none_of(other.nodes.begin(), other.nodes.end(),
                     [&](const auto& one) { return one.name == node.name; }))
      missing.push_back(node.name);
  return missing;
}

Result<nlohmann::json> ask_node(Client& client, const std::string& node, const std::string& verb) {
  if (auto up = client.wait_connected(node, connect_limit); !up) return up.error();
  return ask(client, node, verb, "", answer_limit);
}

// False when a node has used up its restarts meanwhile.
bool drain(Client& client, const std::string& node, ClusterProcesses& processes,
           Interrupts& interrupts, Log& log) {
  const Instant give_up = later(now(), drain_max);
  auto answer = ask_node(client, node, "drain");
  while (answer && !left_of(*answer).empty() && now() < give_up) {
    if (interrupts.wait(look_interval)) return true;
    if (!processes.supervise(now())) return false;
    answer = ask_node(client, node, "drain");  // to ask twice is no mistake
  }
  if (!answer)
    log.warn("a node that has left the file could not be drained", answer.error());
  else if (const Left left = left_of(*answer); !left.empty())
    log.warn("a node that has left the file ends with something left",
             {{"node", node}, {"left", describe(left)}});
  return true;
}

}  // namespace

bool change_cluster(const ConfigOptions& options, Cluster& cluster, ClusterProcesses& processes,
                    Interrupts& interrupts, Log& log) {
  auto read = load_cluster(options);
  if (!read) {
    log.error("the config was read again and has mistakes; nothing changed", read.error());
    return true;
  }
  const auto left = names_missing_in(cluster.config, read->config);
  const auto joined = names_missing_in(read->config, cluster.config);
  if (auto started = processes.change(read->config); !started)
    log.error("a node that is new in the file cannot be started", started.error());

  const auto before = open_client(cluster);
  if (!before) {
    log.error("nodes that have left the file cannot be drained", before.error());
  } else {
    for (const auto& node : left)
      if (!drain(**before, node, processes, interrupts, log)) return false;
  }
  const auto client = open_client(*read);
  if (!client) log.error("the nodes cannot be told of the changed file", client.error());
  for (const auto& node : read->config.nodes) {
    if (!client || std::find(joined.begin(), joined.end(), node.name) != joined.end()) continue;
    if (const auto told = ask_node(**client, node.name, "reload"); !told)
      log.error("a node did not read the file again", told.error());
  }
  for (const auto& node : left) processes.end(node);
  log.info("the config was read again", {{"joined", joined.size()}, {"left", left.size()}});
  cluster = std::move(*read);
  return true;
}

}  // namespace troupe::apps
