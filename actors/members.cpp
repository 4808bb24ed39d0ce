#include "actors/members.hpp"

#include <algorithm>
#include <mutex>

#include "base/assert.hpp"
#include "scheduler/placement.hpp"

namespace troupe::actors {

Members::Members(std::vector<std::string> nodes, std::string_view self, Duration grace, Instant now)
    : grace_(grace) {
  std::sort(nodes.begin(), nodes.end());
  for (auto& name : nodes) nodes_.push_back({std::move(name), true, true, later(now, grace)});
  self_ = place_of(self);
  TROUPE_ASSERT(self_ < nodes_.size(), "a node is one of its cluster's");
  nodes_[self_].until.reset();
  list_living();
}

bool Members::up(std::size_t node) {
  const std::unique_lock lock(mutex_);
  if (!nodes_[node].belongs) return false;
  nodes_[node].until.reset();
  if (std::exchange(nodes_[node].living, true)) return false;
  list_living();
  return true;
}

void Members::down(std::size_t node, Instant now) {
  const std::unique_lock lock(mutex_);
  if (nodes_[node].living && !nodes_[node].until) nodes_[node].until = later(now, grace_);
}

std::size_t Members::join(std::string name) {
  const std::unique_lock lock(mutex_);
  const std::size_t number = place_of(name);
  if (number == nodes_.size()) nodes_.push_back({std::move(name), true, false, std::nullopt});
  nodes_[number].belongs = true;
  return number;
}

bool Members::leave(std::size_t node) {
  TROUPE_ASSERT(node != self_, "a node does not leave its own cluster");
  const std::unique_lock lock(mutex_);
  nodes_[node].belongs = false;
  nodes_[node].until.reset();
  if (!std::exchange(nodes_[node].living, false)) return false;
  list_living();
  return true;
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
  auto living = living_;
  std::sort(living.begin(), living.end());
  return living;
}

std::vector<std::string> Members::names() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& node : nodes_)
    if (node.belongs) names.push_back(node.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::size_t> Members::number_of(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const std::size_t number = place_of(name);
  if (number == nodes_.size() || !nodes_[number].belongs) return std::nullopt;
  return number;
}

std::size_t Members::numbers() const {
  const std::shared_lock lock(mutex_);
  return nodes_.size();
}

std::string Members::name(std::size_t node) const {
  const std::shared_lock lock(mutex_);
  return nodes_[node].name;
}

std::size_t Members::place_of(std::string_view name) const {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const Node& node) { return node.name == name; });
  return static_cast<std::size_t>(found - nodes_.begin());
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
