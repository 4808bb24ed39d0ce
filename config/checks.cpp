#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "config/layers.hpp"
#include "config/rules.hpp"
#include "config/value.hpp"

namespace troupe::config {
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
  const auto take = [&](const NodeConfig& node, std::string_view key, const std::string& host,
                        std::uint16_t port) {
    if (port == 0) return;  // missing or refused, and told already
    const std::string table = "node." + node.name;
    const std::string owner = "'" + std::string(key) + "' of [" + table + "]";
    const auto [other, free] = taken.try_emplace({plain_host(host), port}, owner);
    if (free) return;
    draft.mistakes.add(draft.at(table + "." + std::string(key)).origin,
                       owner + " is the same endpoint as " + other->second + ": " + host +
                           ", port " + std::to_string(port));
  };
  for (const auto& node : draft.config.nodes) {
    take(node, "urgent_port", node.host, node.urgent_port);
    take(node, "ordinary_port", node.host, node.ordinary_port);
    if (const auto http = parse_listen(node.http)) take(node, "http", http->host, http->port);
    if (const auto grpc = parse_listen(node.grpc)) take(node, "grpc", grpc->host, grpc->port);
  }
}

// A door of the nodes, "http" or "grpc": the key of a node and the table that has `listen`.
struct Door {
  std::string name;
  const std::string& listen;
  std::string NodeConfig::*own;
};

// Nodes on one host cannot all have the address of [http] or [grpc]; those of several hosts may, if
// it is a wildcard.
void check_door(Draft& draft, const Door& door) {
  std::map<std::string, std::string> served;  // by host: the node that has `listen` there
  for (const auto& node : draft.config.nodes) {
    if (!(node.*door.own).empty() || door.listen.empty()) continue;
    const auto [other, first] = served.try_emplace(plain_host(node.host), node.name);
    if (first) continue;
    draft.mistakes.add(draft.at(door.name + ".listen").origin,
                       "'listen' of [" + door.name + "] cannot be that of both [node." +
                           other->second + "] and [node." + node.name +
                           "], which are on one host: give one of them its own '" + door.name +
                           "', or \"off\"");
  }
}

// The address that both have by default.
void check_doors_apart(Draft& draft) {
  const auto http = parse_listen(draft.config.http.listen);
  const auto grpc = parse_listen(draft.config.grpc.listen);
  if (!http || !grpc || http->port != grpc->port ||
      plain_host(http->host) != plain_host(grpc->host))
    return;
  draft.mistakes.add(draft.at("grpc.listen").origin,
                     "'listen' of [grpc] is that of [http]: give it a port of its own");
}

// A door without a lock, onto the street.
void check_http_keys(Draft& draft) {
  const auto& http = draft.config.http;
  if (!http.keys.empty() || http.open) return;
  const auto check = [&](const std::string& key, const std::string& text) {
    const auto address = parse_listen(text);
    if (!address || is_loopback(address->host)) return;
    draft.mistakes.add(draft.at(key).origin,
                       "other machines reach " + text +
                           ", and [http] has no 'keys': add some with `troupe keys api`, or write "
                           "'open = true' there");
  };
  check("http.listen", http.listen);
  check("grpc.listen", draft.config.grpc.listen);
  for (const auto& node : draft.config.nodes) {
    check("node." + node.name + ".http", node.http);
    check("node." + node.name + ".grpc", node.grpc);
  }
}

void check_tls(Draft& draft) {
  const auto& http = draft.config.http;
  if (http.tls_certificate.empty() == http.tls_key.empty()) return;
  const bool has_key = http.tls_certificate.empty();
  const std::string has = has_key ? "tls_key" : "tls_certificate";
  const std::string lacks = has_key ? "tls_certificate" : "tls_key";
  draft.mistakes.add(draft.at("http." + has).origin,
                     "'" + has + "' of [http] is of no use without its '" + lacks + "'");
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
  check_door(draft, {"http", draft.config.http.listen, &NodeConfig::http});
  check_door(draft, {"grpc", draft.config.grpc.listen, &NodeConfig::grpc});
  check_doors_apart(draft);
  check_http_keys(draft);
  check_tls(draft);
  check_backoff(draft);
}

}  // namespace troupe::config
