#include "actors/placing.hpp"

#include <algorithm>
#include <utility>

namespace troupe::actors {
namespace {

// A gigabyte a second, there and back: a link of ten gigabits, with what it takes to copy.
Duration carry_of(std::uint64_t bytes) {
  constexpr std::uint64_t bytes_max = std::uint64_t{1} << 40;
  return Duration{static_cast<Duration::rep>(std::min(bytes, bytes_max))};
}

}  // namespace

using delivery::NodeId;

Placing::Placing(NodeId self, std::uint32_t nodes, std::uint64_t seed,
                 std::function<Busyness()> self_busyness)
    : busyness_(std::move(self_busyness)),
      choice_(self.value, nodes, seed),
      avoided_until_(nodes) {}

void Placing::joined() {
  choice_.joined();
  avoided_until_.emplace_back();
}

NodeId Placing::choose(Instant now, Lane lane, std::uint64_t bytes,
                       std::span<const NodeId> candidates) {
  open_.clear();
  for (const NodeId node : candidates)
    if (avoided_until_[node.value] <= now) open_.push_back(node.value);
  if (open_.empty())
    for (const NodeId node : candidates) open_.push_back(node.value);
  return NodeId{choice_.choose(now, lane, busyness_().load, carry_of(bytes), open_)};
}

void Placing::offered(Instant now, TaskId task, NodeId to, std::uint32_t attempt) {
  if (const auto found = away_.find(task); found != away_.end()) {
    if (found->second.node == to && found->second.attempt == attempt) {
      found->second.sent.reset();
      return;
    }
    left(task);
  }
  const Duration takes = busyness_().task;
  choice_.sent(to.value, takes);
  away_.emplace(task, Away{to, attempt, takes, now});
}

void Placing::accepted(Instant now, TaskId task, std::uint32_t attempt) {
  const auto found = away_.find(task);
  if (found == away_.end() || found->second.attempt != attempt) return;
  if (const auto sent = std::exchange(found->second.sent, std::nullopt))
    choice_.measured(now, found->second.node.value, now - *sent);
}

void Placing::rejected(TaskId task, std::uint32_t attempt) {
  const auto found = away_.find(task);
  if (found != away_.end() && found->second.attempt == attempt) left(task);
}

void Placing::left(TaskId task) {
  const auto found = away_.find(task);
  if (found == away_.end()) return;
  choice_.settled(found->second.node.value, found->second.takes);
  away_.erase(found);
}

void Placing::told(Instant now, NodeId node, const std::optional<NodeLoad>& load) {
  if (load) choice_.told(now, node.value, *load);
}

void Placing::avoid(Instant now, NodeId node) {
  avoided_until_[node.value] = later(now, avoided_for);
}

void Placing::forget(NodeId node) {
  avoided_until_[node.value] = {};
  std::erase_if(away_, [&](const auto& entry) { return entry.second.node == node; });
  choice_.forget(node.value);
}

}  // namespace troupe::actors
