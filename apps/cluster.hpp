// The first steps of every verb that deals with a running cluster: load the config, load the keys,
// open a client.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/verbs.hpp"
#include "base/log.hpp"
#include "client/client.hpp"
#include "config/cluster_keys.hpp"
#include "config/load.hpp"

namespace troupe::apps {

using config::ClusterKeys;
using config::Config;

struct Cluster {
  Config config;
  std::vector<config::Setting> settings;  // the same, key by key
  ClusterKeys keys;
  std::string as = "client";  // whose key is used to ask it
};

Result<Cluster> load_cluster(const ConfigOptions& options);

// As `cluster.as`, to every node. Needs its private key in the cluster's folder of keys.
Result<std::unique_ptr<Client>> open_client(const Cluster& cluster);

// `given`, or the first node when it is empty. Errors: config for a name that is not in the file.
Result<std::string> choose_node(const Config& config, const std::string& given);

// That one, or all of them when it is empty.
Result<std::vector<std::string>> choose_nodes(const Config& config, const std::string& given);

// A running cluster, and those of its nodes that are meant: that one, or all where it is empty.
struct Reached {
  Cluster cluster;
  std::vector<std::string> nodes;
  std::unique_ptr<Client> client;
};
Result<Reached> reach(const ConfigOptions& options, const std::string& node);

// One question of the control protocol (actors/node.hpp). Errors: the client's, malformed where the
// answer is no JSON object, unauthorized where the key may not ask this.
Result<nlohmann::json> ask(Client& client, const std::string& node, const std::string& verb,
                           const std::string& body, Duration limit);

// What a running cluster's nodes are asked, one after the other.
struct Question {
  ConfigOptions config;
  std::string node;  // only this one; empty: all
  std::string verb;  // of the control protocol (actors/node.hpp)
  std::string body;
  Duration limit{};  // for each answer
};
using OnAnswer = std::function<void(const std::string& node, nlohmann::json answer)>;

// The cluster's name when all have answered; else the first error.
Result<std::string> ask_each(const Question& question, const OnAnswer& on_answer);

// The log of a process, as [log] wants it, on stderr.
std::unique_ptr<Log> open_log(const Config& config, const std::string& node);

}  // namespace troupe::apps
