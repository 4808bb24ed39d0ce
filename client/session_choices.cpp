// Who a client's nodes are, and which of them it asks.
#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "client/session.hpp"
#include "scheduler/placement.hpp"

namespace troupe {

using delivery::NodeId;

Result<NodeId> Client::Session::node_named(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end())
    return Error{ErrorCode::not_found,
                 "there is no node '" + std::string(name) + "' in this cluster",
                 "look at the [node.*] tables of the cluster's file"};
  return NodeId{static_cast<std::uint32_t>(found - names_.begin())};
}

std::optional<NodeId> Client::Session::node_of(transport::PeerId peer) const {
  for (std::uint32_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].peer == peer) return NodeId{i};
  return std::nullopt;
}

Result<NodeId> Client::Session::first_for(const TaskRequest& request, std::string_view node) {
  if (!node.empty()) return node_named(node);
  if (const auto* recall = std::get_if<Recall>(&request.work)) {
    if (!recall->scope.ends_with("/*") || nodes_.size() == 1) return home_of(recall->scope);
    return Error{ErrorCode::invalid_argument,
                 "a recall from all agents of a type searches one node and none was named",
                 "submit one to each node and take the best of their hits"};
  }
  std::vector<NodeId> open = sender_.open(now());
  if (open.empty())
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) open.push_back(NodeId{i});
  return nearest(now(), open);
}

NodeId Client::Session::home_of(std::string_view agent) const {
  return NodeId{static_cast<std::uint32_t>(scheduler::home_of(agent, names_))};
}

// Nodes pass letters on to where the agent lives, while its home is away too.
NodeId Client::Session::way_to(std::string_view agent) const {
  if (up_.empty()) return home_of(agent);
  const auto found = std::find(names_.begin(), names_.end(), up_[scheduler::home_of(agent, up_)]);
  return NodeId{static_cast<std::uint32_t>(found - names_.begin())};
}

void Client::Session::list_up() {
  up_.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].up) up_.push_back(names_[i]);
}

NodeId Client::Session::nearest(Instant at, std::span<const NodeId> nodes) {
  std::vector<Nearest::Candidate> candidates;
  for (const NodeId node : nodes) candidates.push_back({node.value, nodes_[node.value].tasks});
  return NodeId{nearest_.choose(at, candidates, random_)};
}

void Client::Session::measure(Instant at, NodeId node, const transport::TaskAccepted& accepted) {
  const auto found = pending_.find(accepted.task);
  if (found == pending_.end()) return;
  Pending& task = found->second;
  if (task.node != node || task.attempt != accepted.attempt) return;
  if (const auto sent = std::exchange(task.sent, std::nullopt))
    nearest_.measured(at, node.value, at - *sent);
}

}  // namespace troupe
