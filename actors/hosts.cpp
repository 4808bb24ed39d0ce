#include "actors/hosts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "actors/agent.hpp"
#include "scheduler/placement.hpp"

namespace troupe::actors {
namespace {

using transport::PeerId;

std::string hex(std::uint64_t number) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  return digits.data();
}

}  // namespace

void Hosts::up(PeerId client, const transport::PeerInfo& info) {
  if (info.role != transport::Role::client) return;
  const std::unique_lock lock(mutex_);
  clients_[client.value] = {
      info.name + "/" + hex(info.epoch), std::to_string(client.value) + "-" + hex(draw_()), {}};
}

void Hosts::down(PeerId client) {
  const std::unique_lock lock(mutex_);
  const auto found = clients_.find(client.value);
  if (found == clients_.end()) return;
  for (const auto& [type, routed] : found->second.types) leave(client, type);
  clients_.erase(found);
}

Status Hosts::attach(PeerId client, const std::string& type) {
  const std::unique_lock lock(mutex_);
  const auto found = clients_.find(client.value);
  if (found == clients_.end())
    return Error{ErrorCode::unreachable, "only a client that is connected can host agents",
                 "connect with a client's key, and ask on that connection"};
  auto& [name, address, types] = found->second;
  const auto known = types.find(type);
  if (known != types.end() && known->second) return {};
  if (known == types.end() && types.size() >= types_per_host_max)
    return Error{
        ErrorCode::too_large,
        "this process hosts " + std::to_string(types_per_host_max) + " types of agents already",
        "host the others in another process"};
  types[type] = true;
  auto& [names, peers] = types_[type];
  const auto at = std::find(names.begin(), names.end(), name) - names.begin();
  if (static_cast<std::size_t>(at) == names.size()) {
    names.push_back(name);
    peers.push_back(client);
  } else {  // it is back before its earlier connection was found dead
    peers[static_cast<std::size_t>(at)] = client;
  }
  return {};
}

Status Hosts::detach(PeerId client, const std::string& type) {
  const std::unique_lock lock(mutex_);
  const auto found = clients_.find(client.value);
  const auto hosted = [&] {
    const auto of = found->second.types.find(type);
    return of != found->second.types.end() && of->second;
  };
  if (found == clients_.end() || !hosted())
    return Error{ErrorCode::not_found, "this process hosts no agents of type '" + type + "' here",
                 "host it first"};
  found->second.types[type] = false;
  leave(client, type);
  return {};
}

void Hosts::leave(PeerId client, const std::string& type) {
  const auto found = types_.find(type);
  if (found == types_.end()) return;
  auto& [names, peers] = found->second;
  const auto at = std::find(peers.begin(), peers.end(), client);
  if (at == peers.end()) return;  // a later connection of its process has taken its place
  names.erase(names.begin() + (at - peers.begin()));
  peers.erase(at);
  if (peers.empty()) types_.erase(found);
}

bool Hosts::may_write_as(PeerId client, std::string_view type) const {
  const std::shared_lock lock(mutex_);
  const auto found = clients_.find(client.value);
  return found != clients_.end() && found->second.types.contains(type);
}

std::optional<PeerId> Hosts::host_of(const AgentId& agent) const {
  const std::shared_lock lock(mutex_);
  const auto found = types_.find(agent.type);
  if (found == types_.end()) return std::nullopt;
  const auto& [names, peers] = found->second;
  return peers[scheduler::home_of(to_string(agent), names)];
}

std::map<std::string, std::size_t> Hosts::counts() const {
  const std::shared_lock lock(mutex_);
  std::map<std::string, std::size_t> counts;
  for (const auto& [type, hosts] : types_) counts[type] = hosts.peers.size();
  return counts;
}

std::optional<AgentId> Hosts::address_of(PeerId client) const {
  const std::shared_lock lock(mutex_);
  const auto found = clients_.find(client.value);
  if (found == clients_.end()) return std::nullopt;
  return AgentId{std::string(client_type), found->second.address};
}

std::optional<PeerId> Hosts::client_at(const AgentId& address) const {
  if (address.type != client_type) return std::nullopt;
  PeerId client;
  std::from_chars(address.key.data(), address.key.data() + address.key.size(), client.value);
  const std::shared_lock lock(mutex_);
  const auto found = clients_.find(client.value);
  if (found == clients_.end() || found->second.address != address.key) return std::nullopt;
  return client;
}

}  // namespace troupe::actors
