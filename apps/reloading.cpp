#include "apps/reloading.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/wiring.hpp"
#include "config/cluster_keys.hpp"
#include "transport/secret.hpp"

namespace troupe::apps {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr std::string_view keys_key = "http.keys";
constexpr std::string_view folder_key = "cluster.keys";

using actors::ClusterNode;
using transport::AllowedKey;

// All of [scheduling] but where it is recorded.
bool is_of_the_scheduler(std::string_view key) {
  return key.starts_with("scheduling.") && key != "scheduling.record";
}

Settings by_key(const std::vector<config::Setting>& settings) {
  Settings found;
  for (const auto& setting : settings) found[setting.key] = setting.value;
  return found;
}

}  // namespace

std::vector<std::string> changed_keys(const Settings& before, const Settings& after) {
  std::vector<std::string> changed;
  Settings all = before;
  all.insert(after.begin(), after.end());
  for (const auto& entry : all) {
    const auto was = before.find(entry.first);
    const auto is = after.find(entry.first);
    if (was == before.end() || is == after.end() || was->second != is->second)
      changed.push_back(entry.first);
  }
  return changed;
}

KeyChanges key_changes(const std::vector<AllowedKey>& before,
                       const std::vector<AllowedKey>& after) {
  const auto same_key = [](const AllowedKey& one, const std::vector<AllowedKey>& list) {
    return std::find_if(list.begin(), list.end(),
                        [&](const AllowedKey& other) { return other.key == one.key; });
  };
  // Whether the name has another key in both, which stays.
  const auto stays = [&](const AllowedKey& one) {
    return std::any_of(before.begin(), before.end(), [&](const AllowedKey& other) {
      return other.name == one.name && other.key != one.key &&
             same_key(other, after) != after.end();
    });
  };
  KeyChanges changes;
  for (const AllowedKey& one : before) {
    const auto then = same_key(one, after);
    if (then == after.end() || then->name != one.name)
      changes.removed.push_back(stays(one) ? one.name + " (old key)" : one.name);
    else if (then->role != one.role)
      changes.changed.push_back(one.name);
  }
  for (const AllowedKey& one : after) {
    const auto was = same_key(one, before);
    if (was == before.end() || was->name != one.name)
      changes.added.push_back(stays(one) ? one.name + " (next key)" : one.name);
  }
  return changes;
}

NodeChanges node_changes(const std::vector<ClusterNode>& before,
                         const std::vector<ClusterNode>& after) {
  const auto named = [](const std::string& name, const std::vector<ClusterNode>& list) {
    return std::find_if(list.begin(), list.end(),
                        [&](const ClusterNode& node) { return node.name == name; });
  };
  NodeChanges changes;
  for (const ClusterNode& node : before)
    if (named(node.name, after) == after.end()) changes.left.push_back(node.name);
  for (const ClusterNode& node : after) {
    const auto was = named(node.name, before);
    if (was == before.end())
      changes.joined.push_back(node.name);
    else if (was->endpoint != node.endpoint)
      changes.moved.push_back(node.name);
  }
  return changes;
}

Reloading::Reloading(ConfigOptions options, std::string node, const Cluster& cluster,
                     transport::PublicKey own_key, Log& log)
    : options_(std::move(options)),
      node_(std::move(node)),
      folder_(cluster.keys.folder),
      own_key_(std::move(own_key)),
      log_(log),
      in_effect_(by_key(cluster.settings)),
      others_{cluster_nodes(cluster.config, cluster.keys), cluster.keys.allowed} {}

void Reloading::attach(actors::Node& node) {
  const std::lock_guard lock(mutex_);
  running_ = &node;
  if (scheduling_) node.set_scheduling(*scheduling_);
  if (!std::exchange(early_others_, false)) return;
  if (const auto done = node.set_cluster(others_.nodes, others_.allowed); !done)
    log_.error("the cluster's nodes and keys could not be changed", done.error());
}

void Reloading::attach(gateway::FrontDoor& door) {
  const std::lock_guard lock(mutex_);
  door_ = &door;
  if (early_keys_) door.set_keys(*std::exchange(early_keys_, std::nullopt));
}

Result<Reloading::Others> Reloading::read_others(const config::Config& config) const {
  if (std::none_of(config.nodes.begin(), config.nodes.end(),
                   [this](const config::NodeConfig& node) { return node.name == node_; }))
    return Error{ErrorCode::config, "the file has no node '" + node_ + "' any more",
                 "take it out of service with `troupe drain` before, and end it"};
  auto keys = config::read_cluster_keys(config, folder_);
  if (!keys) return keys.error();
  return Others{cluster_nodes(config, *keys), std::move(keys->allowed)};
}

Status Reloading::check_own_key(bool& differs) const {
  auto own = transport::read_key_file(folder_ + "/" + node_ + ".key");
  if (!own) return own.error();
  transport::wipe(own->secret_z85);
  differs = own->public_key != own_key_;
  return {};
}

Status Reloading::apply(Others others) {
  if (running_ != nullptr) {
    if (auto done = running_->set_cluster(others.nodes, others.allowed); !done) return done;
  } else {
    early_others_ = true;
  }
  others_ = std::move(others);
  return {};
}

// Of another node only its address concerns this one.
bool Reloading::is_applied_at_once(std::string_view key) const {
  constexpr std::string_view of_a_node = "node.";
  if (is_of_the_scheduler(key)) return true;
  if (!key.starts_with(of_a_node)) return key == keys_key;
  key.remove_prefix(of_a_node.size());
  return !key.starts_with(node_ + '.');
}

Result<std::string> Reloading::reload() {
  const std::lock_guard lock(mutex_);
  const auto mistake = [this](const Error& error) {
    log_.error("the config was read again and has mistakes; nothing changed", error);
    return error;
  };
  const auto loaded =
      config::load_config(options_.config, {config::config_environment(), options_.set});
  if (!loaded) return mistake(loaded.error());
  auto keys = gateway::ApiKeys::parse(loaded->config.http.keys);
  if (!keys) return mistake(keys.error());
  auto others = read_others(loaded->config);
  if (!others) return mistake(others.error());
  bool other_key = false;
  if (auto own = check_own_key(other_key); !own) return mistake(own.error());
  const KeyChanges of_keys = key_changes(others_.allowed, others->allowed);
  const NodeChanges of_nodes = node_changes(others_.nodes, others->nodes);
  if (!of_keys.none() || !of_nodes.none())
    if (auto done = apply(std::move(*others)); !done) return mistake(done.error());

  const Settings read = by_key(loaded->settings);
  auto applied = nlohmann::json::array();
  auto restart = nlohmann::json::array();
  if (!of_keys.none()) applied.push_back(folder_key);
  auto changed = changed_keys(in_effect_, read);
  if (other_key && std::find(changed.begin(), changed.end(), folder_key) == changed.end())
    changed.emplace_back(folder_key);
  if (std::any_of(changed.begin(), changed.end(), is_of_the_scheduler)) {
    scheduling_ = loaded->config.scheduling;
    if (running_ != nullptr) running_->set_scheduling(*scheduling_);
  }
  for (const auto& key : changed) {
    if (!is_applied_at_once(key)) {
      restart.push_back(key);
      continue;
    }
    if (const auto now_is = read.find(key); now_is != read.end())
      in_effect_[key] = now_is->second;
    else
      in_effect_.erase(key);
    applied.push_back(key);
  }
  if (door_ != nullptr)
    door_->set_keys(std::move(*keys));
  else
    early_keys_ = std::move(*keys);
  log_.info("the config was read again",
            {{"applied", applied.size()}, {"need_restart", restart.size()}});
  return nlohmann::json{
      {"node", node_},
      {"applied", applied},
      {"restart", restart},
      {"keys",
       {{"added", of_keys.added}, {"removed", of_keys.removed}, {"changed", of_keys.changed}}},
      {"nodes", {{"joined", of_nodes.joined}, {"left", of_nodes.left}, {"moved", of_nodes.moved}}}}
      .dump();
}

}  // namespace troupe::apps
