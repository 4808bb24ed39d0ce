// A running node's config, read again: what changed is applied where that is possible, and named
// where it takes a restart. A file with a mistake in it changes nothing.
//
// Applied at once: `http.keys`, who is in the folder of keys, which other nodes there are and
// where, and the scheduler's switches and limits. Everything else is what a node was built from.
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/node.hpp"
#include "apps/cluster.hpp"
#include "apps/verbs.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/load.hpp"
#include "gateway/front_door.hpp"

namespace troupe::apps {

// The keys whose values differ, in order, those that only one has included.
std::vector<std::string> changed_keys(const std::map<std::string, std::string>& before,
                                      const std::map<std::string, std::string>& after);

// What differs between two allow-lists, as names: whose key is admitted or refused from now on, and
// who has another role.
struct KeyChanges {
  std::vector<std::string> added;    // "b", or "a (next key)" where it has another one as before
  std::vector<std::string> removed;  // "b", or "a (old key)" where it has another one
  std::vector<std::string> changed;

  [[nodiscard]] bool none() const { return added.empty() && removed.empty() && changed.empty(); }
};
KeyChanges key_changes(const std::vector<transport::AllowedKey>& before,
                       const std::vector<transport::AllowedKey>& after);

// What differs between two lists of a cluster's nodes, as names.
struct NodeChanges {
  std::vector<std::string> joined;
  std::vector<std::string> left;
  std::vector<std::string> moved;  // have another address

  [[nodiscard]] bool none() const { return joined.empty() && left.empty() && moved.empty(); }
};
NodeChanges node_changes(const std::vector<actors::ClusterNode>& before,
                         const std::vector<actors::ClusterNode>& after);

class Reloading {
 public:
  // `cluster` is what the node was started with, `own_key` what it proves to have; `log` outlives
  // it.
  Reloading(ConfigOptions options, std::string node, const Cluster& cluster,
            transport::PublicKey own_key, Log& log);

  // The node, which lives until the last reload().
  void attach(actors::Node& node);
  // It serves HTTP by this door, which lives until the last reload().
  void attach(gateway::FrontDoor& door);

  // {"node": N, "applied": [keys], "restart": [keys], "keys": {"added", "removed", "changed"},
  // "nodes": {"joined", "left", "moved"}}. Errors: those of load_config() and of
  // read_cluster_keys(); config where this node itself is not in the file any more.
  Result<std::string> reload();

 private:
  // Who is in the cluster, and who may connect.
  struct Others {
    std::vector<actors::ClusterNode> nodes;
    std::vector<transport::AllowedKey> allowed;
  };
  [[nodiscard]] Result<Others> read_others(const config::Config& config) const;
  [[nodiscard]] Status check_own_key(bool& differs) const;
  Status apply(Others others);
  [[nodiscard]] bool is_applied_at_once(std::string_view key) const;

  const ConfigOptions options_;
  const std::string node_;
  const std::string folder_;  // of keys
  const transport::PublicKey own_key_;
  Log& log_;
  std::mutex mutex_;  // guards the rest
  std::map<std::string, std::string> in_effect_;
  Others others_;
  actors::Node* running_ = nullptr;
  bool early_others_ = false;                              // they were read before there was a node
  std::optional<scheduler::SchedulerOptions> scheduling_;  // where it was changed
  gateway::FrontDoor* door_ = nullptr;
  std::optional<gateway::ApiKeys> early_keys_;  // read before there was a door
};

}  // namespace troupe::apps
