// The keys of a cluster: who is who, and what this process may prove to be.
//
// The folder (config: cluster.keys) holds NODE.key and NODE.pub for each node and client.key and
// client.pub for the command line; every other *.pub in it admits a further client of that name,
// one that may only look where the file says role = "read-only" (transport/key_files.hpp). A
// machine needs the private files of its own nodes only. With keys = "auto" the folder is
// $XDG_STATE_HOME/troupe/CLUSTER/keys (mode 0700) and missing pairs are made on first use, which is
// for clusters whose nodes all run on this machine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "transport/key_files.hpp"
#include "transport/link.hpp"

namespace troupe::config {

struct ClusterKeys {
  std::string folder;
  // By name, every node of the config: one key, or two while it is rotated.
  std::map<std::string, std::vector<transport::PublicKey>> nodes;
  std::vector<transport::AllowedKey> allowed;  // nodes and clients, each half by itself
};

// Where they are: what the config names, or $XDG_STATE_HOME/troupe/CLUSTER/keys for "auto".
Result<std::string> keys_folder(const Config& config);

// Errors: io and config, with the file and what to do; unauthorized for two names with one key.
Result<ClusterKeys> load_cluster_keys(const Config& config);

// Those of a folder, as it is now: nothing is made. `config` says who is a node.
Result<ClusterKeys> read_cluster_keys(const Config& config, const std::string& folder);

// The private half of one name: a node's, or "client".
Result<transport::KeyPair> load_private_keys(const ClusterKeys& keys, const std::string& name);

// $XDG_STATE_HOME/troupe/CLUSTER, for logs and automatic keys.
Result<std::string> state_folder(const Config& config);

}  // namespace troupe::config
