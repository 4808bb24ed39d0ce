#include "actors/members.hpp"

#include <algorithm>
#include <mutex>

#include "base/assert.hpp"
#include "scheduler/placement.hpp"

namespace troupe::actors {

Members::Members(std::vector<std::string> nodes, std::size_t self, Duration grace, Instant now)
    : self_(self), grace_(grace) {
  TROUPE_ASSERT(self < nodes.size(), "a node is one of its cluster's");
  for (auto& name : nodes) nodes_.push_back({std::move(name), true, later(now, grace)});
  nodes_[self].until.reset();
  list_living();
}

bool Members::up(std::size_t node) {
  const std::unique_lock lock(mutex_);
  nodes_[node].until.reset();
  if (std::exchange(nodes_[node].living, true)) return false;
  list_living();
  return true;
}

void Members::down(std::size_t node, Instant now) {
  const std::unique_lock lock(mutex_);
  if (nodes_[node].living && !nodes_[node].until) nodes_[node].until = later(now, grace_);
}

bool Members::advance(Instant now) {
  const std::unique_lock lock(mutex_);
  bool changed = false;
  for (auto& node : nodes_) {
    if (!node.until || *node.until > now) continue;
    node.until.reset();
    node.living = false;
    changed = true;
  }
  if (changed) list_living();
  return changed;
}

std::optional<Instant> Members::next_change() const {
  const std::shared_lock lock(mutex_);
  std::optional<Instant> next;
  for (const auto& node : nodes_)
    if (node.until) next = next ? std::min(*next, *node.until) : *node.until;
  return next;
}

std::size_t Members::home_of(std::string_view agent) const {
  const std::shared_lock lock(mutex_);
  return places_[scheduler::home_of(agent, living_)];
}

bool Members::lives(std::size_t node) const {
  const std::shared_lock lock(mutex_);
  return nodes_[node].living;
}

std::vector<std::string> Members::living() const {
  const std::shared_lock lock(mutex_);
  return living_;
}

void Members::list_living() {
  living_.clear();
  places_.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].living) continue;
    living_.push_back(nodes_[i].name);
    places_.push_back(i);
  }
}

}  // namespace troupe::actors
