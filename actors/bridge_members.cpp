// The bridge as the cluster's nodes change: others join, leave, or have another address.
#include <algorithm>

#include "actors/bridge.hpp"
#include "actors/directory.hpp"
#include "base/clock.hpp"

namespace troupe::actors {

void Bridge::set_nodes(std::vector<ClusterNode> cluster) {
  post_urgent(inbox_, NodesWanted{std::move(cluster)});
}

void Bridge::handle(const NodesWanted& event) {
  const auto is_wanted = [&](const std::string& name) {
    return std::any_of(event.nodes.begin(), event.nodes.end(),
                       [&](const ClusterNode& node) { return node.name == name; });
  };
  std::map<std::string, Other, std::less<>> before;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    before = nodes_;
  }
  for (const auto& [name, node] : before)
    if (!is_wanted(name)) leave(name, node);
  for (const ClusterNode& node : event.nodes) {
    if (node.name == world_.node) continue;
    const auto known = before.find(node.name);
    if (known == before.end()) {
      const auto number =
          delivery::NodeId{static_cast<std::uint32_t>(world_.members->join(node.name))};
      exchange_.node_joined(number, node.name);
      const std::lock_guard lock(mutex_);
      connect(node, number);
      world_.log->info("a node has joined the cluster", {{"node", node.name}});
    } else if (known->second.endpoint != node.endpoint) {
      link_->disconnect(known->second.peer);
      lose(known->second.number);
      const std::lock_guard lock(mutex_);
      connect(node, known->second.number);
      world_.log->info("a node has another address now", {{"node", node.name}});
    }
  }
}

// First from the list of those that live: whoever finds it there finds its connection, too.
void Bridge::leave(const std::string& name, const Other& node) {
  const bool moved = world_.members->leave(node.number.value);
  {
    const std::lock_guard lock(mutex_);
    nodes_.erase(name);
  }
  link_->disconnect(node.peer);
  exchange_.node_left(node.number);
  if (moved) members_changed();
  world_.log->info("a node has left the cluster", {{"node", name}});
}

void Bridge::connect(const ClusterNode& node, delivery::NodeId number) {
  nodes_[node.name] = {number, link_->connect(node.endpoint, node.keys), node.endpoint};
}

void Bridge::lose(delivery::NodeId node) {
  exchange_.node_down(node);
  world_.members->down(node.value, now());
}

// --- who lives -----------------------------------------------------------------------------------

void Bridge::look_at_members() {
  if (world_.members->advance(now())) members_changed();
}

void Bridge::members_changed() {
  const auto moved = world_.directory->move_away();
  world_.log->info("agents live elsewhere now: other nodes are taken to live",
                   {{"nodes", world_.members->living().size()}, {"moved_away", moved}});
  for (std::size_t node = 0; node < world_.members->numbers(); ++node)
    if (!world_.members->lives(node)) send_waiting(node);
}

}  // namespace troupe::actors
