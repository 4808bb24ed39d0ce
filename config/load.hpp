// Reads a cluster file and lays the environment and the command line over it:
// flag > environment > file > default.
//
// Nothing is guessed: an unknown key is refused with its place and the nearest key that exists
// ("cluster.toml:14:3: unknown key 'backoff_mx' in [agents]; did you mean 'backoff_max'?"), a
// number without its unit likewise. Overrides change what the file sets; the nodes and models
// themselves are the file's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "config/folders.hpp"

namespace troupe::config {

// Where a value came from: "default", "quickstart.toml:14:3", "TROUPE_LANES__ENABLED", "--set".
struct Setting {
  std::string key;    // "agents.backoff_min"
  std::string value;  // in effect, as a TOML value that is JSON as well: "\"2ms\"", "true", "64"
  std::string source;
};

struct LoadedConfig {
  Config config;
  std::vector<Setting> settings;  // every key, in the order of the reference
};

struct Overrides {
  std::vector<std::pair<std::string, std::string>> environment;  // TROUPE_LANES__ENABLED, false
  std::vector<std::string> flags;                                // scheduling.lanes=false
  Variables variables = environment_variable;                    // what folders may name
};

// The TROUPE_* variables of this process that name settings: those with a double underscore.
std::vector<std::pair<std::string, std::string>> config_environment();

// Errors: io when the file cannot be read, config for everything wrong: all mistakes of the file
// and the overrides in one message, one per line, each with its place (a hundred, if there are
// more).
Result<LoadedConfig> load_config(const std::string& path, const Overrides& overrides);

// The same on text, for tests; `name` stands in messages.
Result<LoadedConfig> parse_config(const std::string& text, const std::string& name,
                                  const Overrides& overrides);

}  // namespace troupe::config
