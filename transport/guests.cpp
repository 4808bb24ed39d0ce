#include "transport/guests.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::transport {

Guests::Route* Guests::find(const Caller& caller, Instant now) {
  const Key key{caller.lane, caller.route};
  auto found = routes_.find(key);
  if (found == routes_.end()) {
    std::size_t& routes_of_key = routes_of_[caller.who];
    if (routes_.size() >= routes_max || routes_of_key >= routes_per_key_max) return nullptr;
    ++routes_of_key;
    found = routes_.emplace(key, Route{}).first;
    found->second.who = caller.who;
  }
  // Somebody else's routing id, taken over after its owner lost the connection: not to be trusted
  // before the owner is forgotten.
  if (found->second.who != caller.who) return nullptr;
  found->second.heard = now;
  return &found->second;
}

Guests::Answer Guests::strike(Route& route) {
  if (route.cut) return {};
  if (++route.malformed < malformed_max) return {.verdict = Verdict::refuse};
  const PeerId peer = route.peer;
  if (peer.value != 0) {
    for (auto& [key, other] : routes_)
      if (other.peer == peer) {
        other.cut = true;
        other.peer = {};
      }
  }
  route.cut = true;
  return {.verdict = Verdict::cut, .peer = peer};
}

Guests::Answer Guests::malformed(const Caller& caller, Instant now) {
  Route* const route = find(caller, now);
  if (route == nullptr) return {};
  return strike(*route);
}

Guests::Answer Guests::message(const Caller& caller, Instant now) {
  Route* const route = find(caller, now);
  if (route == nullptr || route->cut) return {};
  if (route->peer.value != 0) return {.verdict = Verdict::deliver, .peer = route->peer};
  const bool asked = std::exchange(route->asked, true);
  return {.verdict = asked ? Verdict::stranger : Verdict::ask};
}

Guests::Answer Guests::hello(const Caller& caller, const Hello& hello, Instant now) {
  Route* const route = find(caller, now);
  if (route == nullptr || route->cut) return {};
  if (hello.node != caller.who->name || hello.connection == 0) return strike(*route);
  if (route->connection != 0) {
    if (route->connection != hello.connection || route->epoch != hello.epoch) return strike(*route);
    if (route->peer.value == 0) return {.verdict = Verdict::wait};
    return {.verdict = Verdict::repeat, .peer = route->peer};
  }
  route->connection = hello.connection;
  route->epoch = hello.epoch;

  for (const auto& [key, other] : routes_) {
    if (key.first == caller.lane || other.who != route->who || other.cut || other.peer.value != 0 ||
        other.connection != hello.connection || other.epoch != hello.epoch)
      continue;
    Answer answer{.verdict = Verdict::pair};
    answer.routes[static_cast<std::size_t>(caller.lane)] = caller.route;
    answer.routes[static_cast<std::size_t>(key.first)] = key.second;
    return answer;
  }
  return {.verdict = Verdict::wait};
}

PeerId Guests::peer_of(const Caller& caller) const {
  const auto found = routes_.find({caller.lane, caller.route});
  return found == routes_.end() || found->second.who != caller.who ? PeerId{} : found->second.peer;
}

void Guests::bind(const std::array<std::string, lane_count>& routes, PeerId peer) {
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    const auto found = routes_.find({static_cast<Lane>(lane), routes[lane]});
    TROUPE_ASSERT(found != routes_.end(), "a peer is bound to routes that said hello");
    found->second.peer = peer;
  }
}

template <class Condition>
void Guests::erase_if(Condition condition) {
  std::erase_if(routes_, [&](const auto& entry) {
    const bool gone = condition(entry.second);
    if (gone) --routes_of_[entry.second.who];
    return gone;
  });
}

void Guests::forget(PeerId peer) {
  erase_if([&](const Route& route) { return route.peer == peer; });
}

Guests::Evicted Guests::evict(const AllowedKey* who) {
  Evicted evicted;
  for (const auto& [key, route] : routes_) {
    if (route.who != who) continue;
    evicted.routes.push_back(key);
    const auto& peers = evicted.peers;
    if (route.peer.value != 0 && std::find(peers.begin(), peers.end(), route.peer) == peers.end())
      evicted.peers.push_back(route.peer);
  }
  erase_if([&](const Route& route) { return route.who == who; });
  routes_of_.erase(who);
  return evicted;
}

void Guests::sweep(Instant before) {
  erase_if([&](const Route& route) { return route.peer.value == 0 && route.heard < before; });
}

}  // namespace troupe::transport
