// troupe check: the effective config, every setting with where its value comes from.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/verbs.hpp"
#include "config/load.hpp"
#include "config/reference.hpp"

namespace troupe::apps {
namespace {

// "node.gpu1.rack2.host" -> "node.gpu1.rack2" and "host".
std::pair<std::string, std::string> table_and_key(const std::string& path) {
  const auto dot = path.rfind('.');
  return {path.substr(0, dot), path.substr(dot + 1)};
}

std::string settings_text(const config::LoadedConfig& loaded, const Output& output) {
  std::size_t widest = 0;
  for (const auto& setting : loaded.settings)
    widest = std::max(widest, table_and_key(setting.key).second.size() + setting.value.size());
  std::string text;
  std::string table;
  for (const auto& setting : loaded.settings) {
    const auto [owner, key] = table_and_key(setting.key);
    if (owner != table) {
      text += (table.empty() ? "" : "\n") + output.bold("[" + owner + "]") + "\n";
      table = owner;
    }
    const auto gap = widest + 2 - key.size() - setting.value.size();
    text += "  " + key + " = " + setting.value + std::string(gap, ' ') +
            output.dim(setting.source) + "\n";
  }
  text.pop_back();
  return text;
}

nlohmann::json settings_json(const config::LoadedConfig& loaded) {
  auto settings = nlohmann::json::array();
  for (const auto& setting : loaded.settings)
    settings.push_back({{"key", setting.key},
                        {"value", nlohmann::json::parse(setting.value)},
                        {"source", setting.source}});
  return settings;
}

}  // namespace

int run_check(const CheckOptions& options, Output& output) {
  if (options.reference) {
    output.text(config::config_reference());
    output.object({{"reference", config::config_reference()}});
    return exit_ok;
  }
  const auto loaded = config::load_config(
      options.config.config,
      {.environment = config::config_environment(), .flags = options.config.set});
  if (!loaded) return output.fail(loaded.error());
  output.text(settings_text(*loaded, output));
  output.object({{"file", options.config.config}, {"settings", settings_json(*loaded)}});
  return exit_ok;
}

}  // namespace troupe::apps
