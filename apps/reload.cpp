// troupe reload FILE: running nodes read their file again.
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/verbs.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration reload_limit = std::chrono::seconds(10);

std::string listed(const json& keys) {
  std::string words;
  for (const auto& key : keys) words += (words.empty() ? "" : ", ") + key.get<std::string>();
  return words;
}

void print(const std::string& node, const json& answer, Output& output) {
  const std::string applied = listed(answer.value("applied", json::array()));
  const std::string restart = listed(answer.value("restart", json::array()));
  std::string line = "  " + output.bold(node) + "  ";
  if (!applied.empty())
    line += "applied: " + applied;
  else
    line += restart.empty() ? "nothing has changed" : "nothing applied";
  const json keys = answer.value("keys", json::object());
  for (const auto& [change, names] : keys.items())
    if (const std::string all = listed(names); !all.empty())
      line += "\n    keys " + change + ": " + all;
  const json nodes = answer.value("nodes", json::object());
  for (const auto& [change, names] : nodes.items())
    if (const std::string all = listed(names); !all.empty())
      line += "\n    nodes that have " + change + ": " + all;
  if (!restart.empty())
    line += "\n    changed, and takes a restart (troupe restart " + node + "): " + restart;
  output.text(line);
}

}  // namespace

int run_reload(const ReloadOptions& options, Output& output) {
  json nodes = json::array();
  const auto cluster = ask_each({options.config, options.node, "reload", "", reload_limit},
                                [&](const std::string& node, json answer) {
                                  print(node, answer, output);
                                  nodes.push_back(std::move(answer));
                                });
  if (!cluster) return output.fail(cluster.error());
  output.object({{"cluster", *cluster}, {"nodes", nodes}});
  return exit_ok;
}

}  // namespace troupe::apps
