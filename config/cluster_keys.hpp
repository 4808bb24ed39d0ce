// The keys of a cluster: who is who, and what this process may prove to be.
//
// The folder (config: cluster.keys) holds NODE.key and NODE.pub for each node and client.key and
// client.pub for the command line; every other *.pub in it admits a further client of that name. A
// machine needs the private files of its own nodes only. With keys = "auto" the folder is
// $XDG_STATE_HOME/troupe/CLUSTER/keys (mode 0700) and missing pairs are made on first use, which is
// for clusters whose nodes all run on this machine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "transport/keys.hpp"
#include "transport/link.hpp"

namespace troupe::config {

struct ClusterKeys {
  std::string folder;
  std::map<std::string, transport::PublicKey> nodes;  // by name, every node of the config
  std::vector<transport::AllowedKey> allowed;         // nodes and clients
};

// Errors: io and config, with the file and what to do; unauthorized for two names with one key.
Result<ClusterKeys> load_cluster_keys(const Config& config);

// The private half of one name: a node's, or "client".
Result<transport::KeyPair> load_private_keys(const ClusterKeys& keys, const std::string& name);

// $XDG_STATE_HOME/troupe/CLUSTER, for logs and automatic keys.
Result<std::string> state_folder(const Config& config);

}  // namespace troupe::config
