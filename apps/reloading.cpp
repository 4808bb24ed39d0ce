#include "apps/reloading.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace troupe::apps {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr std::string_view keys_key = "http.keys";

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

Reloading::Reloading(ConfigOptions options, std::string node,
                     const std::vector<config::Setting>& settings, Log& log)
    : options_(std::move(options)),
      node_(std::move(node)),
      log_(log),
      in_effect_(by_key(settings)) {}

void Reloading::attach(gateway::FrontDoor& door) {
  const std::lock_guard lock(mutex_);
  door_ = &door;
  if (early_keys_) door.set_keys(*std::exchange(early_keys_, std::nullopt));
}

Result<std::string> Reloading::reload() {
  const std::lock_guard lock(mutex_);
  const auto loaded =
      config::load_config(options_.config, {config::config_environment(), options_.set});
  if (!loaded) {
    log_.error("the config was read again and has mistakes; nothing changed", loaded.error());
    return loaded.error();
  }
  auto keys = gateway::ApiKeys::parse(loaded->config.http.keys);
  if (!keys) return keys.error();
  const Settings read = by_key(loaded->settings);
  auto applied = nlohmann::json::array();
  auto restart = nlohmann::json::array();
  for (const auto& key : changed_keys(in_effect_, read)) {
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
  return nlohmann::json{{"node", node_}, {"applied", applied}, {"restart", restart}}.dump();
}

}  // namespace troupe::apps
