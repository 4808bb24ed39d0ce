#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "apps/config/layers.hpp"
#include "apps/config/value.hpp"

namespace troupe::apps {
namespace {

void check_required(Draft& draft) {
  for (const auto& bound : draft.settings) {
    if (!bound.key->required || bound.tried) continue;
    draft.mistakes.add(draft.in_file(draft.tables[bound.table]),
                       "[" + bound.table + "] needs '" + std::string(bound.key->name) + "'");
  }
}

void check_nodes(Draft& draft) {
  if (!draft.config.nodes.empty() || draft.tables.contains("node")) return;
  draft.mistakes.add(draft.in_file({}),
                     "there is no node: write at least one [node.NAME] with its two ports");
}

void check_endpoints(Draft& draft) {
  std::map<std::pair<std::string, std::uint16_t>, std::string> taken;
  const auto take = [&](const NodeConfig& node, std::string_view key, std::uint16_t port) {
    if (port == 0) return;  // missing or refused, and told already
    const std::string table = "node." + node.name;
    const std::string owner = "'" + std::string(key) + "' of [" + table + "]";
    const auto [other, free] = taken.try_emplace({plain_host(node.host), port}, owner);
    if (free) return;
    draft.mistakes.add(draft.at(table + "." + std::string(key)).origin,
                       owner + " is the same endpoint as " + other->second + ": " + node.host +
                           ", port " + std::to_string(port));
  };
  for (const auto& node : draft.config.nodes) {
    take(node, "urgent_port", node.urgent_port);
    take(node, "ordinary_port", node.ordinary_port);
  }
}

void check_backoff(Draft& draft) {
  const auto& agents = draft.config.agents;
  if (agents.backoff_min <= agents.backoff_max) return;
  const auto& min = draft.at("agents.backoff_min");
  const auto& max = draft.at("agents.backoff_max");
  draft.mistakes.add(min.origin.layer == Layer::builtin ? max.origin : min.origin,
                     "'backoff_min' of [agents] is " + format_slot(draft.slot(min)) +
                         ", over its 'backoff_max' of " + format_slot(draft.slot(max)));
}

}  // namespace

void check_together(Draft& draft) {
  check_nodes(draft);
  check_required(draft);
  check_endpoints(draft);
  check_backoff(draft);
}

}  // namespace troupe::apps
