#include "apps/reloading.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/cluster_keys.hpp"
#include "transport/secret.hpp"

namespace troupe::apps {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr std::string_view keys_key = "http.keys";
constexpr std::string_view folder_key = "cluster.keys";

using transport::AllowedKey;

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

Reloading::Reloading(ConfigOptions options, std::string node, const Cluster& cluster,
                     transport::PublicKey own_key, Log& log)
    : options_(std::move(options)),
      node_(std::move(node)),
      started_with_(cluster.config),
      folder_(cluster.keys.folder),
      own_key_(std::move(own_key)),
      log_(log),
      in_effect_(by_key(cluster.settings)),
      allowed_(cluster.keys.allowed) {}

void Reloading::attach(actors::Node& node) {
  const std::lock_guard lock(mutex_);
  running_ = &node;
  if (!early_allowed_) return;
  if (const auto done = node.allow(*std::exchange(early_allowed_, std::nullopt)); !done)
    log_.error("the allow-list could not be changed", done.error());
}

void Reloading::attach(gateway::FrontDoor& door) {
  const std::lock_guard lock(mutex_);
  door_ = &door;
  if (early_keys_) door.set_keys(*std::exchange(early_keys_, std::nullopt));
}

// With the nodes that there were at the start: a new one is a node when this one knows it as such.
Result<std::vector<AllowedKey>> Reloading::read_allowed() const {
  auto keys = config::read_cluster_keys(started_with_, folder_);
  if (!keys) return keys.error();
  return std::move(keys->allowed);
}

Status Reloading::admit(std::vector<AllowedKey> allowed) {
  if (running_ != nullptr) {
    if (auto done = running_->allow(allowed); !done) return done;
  } else {
    early_allowed_ = allowed;
  }
  allowed_ = std::move(allowed);
  return {};
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
  auto allowed = read_allowed();
  if (!allowed) return mistake(allowed.error());
  auto own = transport::read_key_file(folder_ + "/" + node_ + ".key");
  if (!own) return mistake(own.error());
  transport::wipe(own->secret_z85);
  const KeyChanges changes = key_changes(allowed_, *allowed);
  if (!changes.none())
    if (auto done = admit(std::move(*allowed)); !done) return mistake(done.error());

  const Settings read = by_key(loaded->settings);
  auto applied = nlohmann::json::array();
  auto restart = nlohmann::json::array();
  if (!changes.none()) applied.push_back(folder_key);
  auto changed = changed_keys(in_effect_, read);
  if (own->public_key != own_key_ &&
      std::find(changed.begin(), changed.end(), folder_key) == changed.end())
    changed.emplace_back(folder_key);
  for (const auto& key : changed) {
    if (key != keys_key) {
      restart.push_back(key);
      continue;
    }
    in_effect_[key] = read.at(key);
    applied.push_back(key);
    if (door_ != nullptr)
      door_->set_keys(std::move(*keys));
    else
      early_keys_ = std::move(*keys);
  }
  log_.info("the config was read again",
            {{"applied", applied.size()}, {"need_restart", restart.size()}});
  return nlohmann::json{
      {"node", node_},
      {"applied", applied},
      {"restart", restart},
      {"keys",
       {{"added", changes.added}, {"removed", changes.removed}, {"changed", changes.changed}}}}
      .dump();
}

}  // namespace troupe::apps
