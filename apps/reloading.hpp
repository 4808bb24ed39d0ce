// A running node's config, read again: what changed is applied where that is possible, and named
// where it takes a restart. A file with a mistake in it changes nothing.
//
// Applied at once: `http.keys`. Everything else is what a node was built from. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "apps/verbs.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/load.hpp"
#include "gateway/front_door.hpp"

namespace troupe::apps {

// The keys whose values differ, in order, those that only one has included.
std::vector<std::string> changed_keys(const std::map<std::string, std::string>& before,
                                      const std::map<std::string, std::string>& after);

class Reloading {
 public:
  // `settings` are those that the node was started with; `log` outlives it.
  Reloading(ConfigOptions options, std::string node, const std::vector<config::Setting>& settings,
            Log& log);

  // The node serves HTTP by this door, which lives until the last reload().
  void attach(gateway::FrontDoor& door);

  // {"node": N, "applied": [keys], "restart": [keys]}. Errors: those of load_config().
  Result<std::string> reload();

 private:
  const ConfigOptions options_;
  const std::string node_;
  Log& log_;
  std::mutex mutex_;  // guards the rest
  std::map<std::string, std::string> in_effect_;
  gateway::FrontDoor* door_ = nullptr;
  std::optional<gateway::ApiKeys> early_keys_;  // read before there was a door
};

}  // namespace troupe::apps
