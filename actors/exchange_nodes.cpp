// The cluster's other nodes as the exchange sees them come and go.
#include "actors/exchange.hpp"

namespace troupe::actors {

using delivery::NodeId;

void Exchange::node_joined(NodeId node, std::string name) {
  Lock lock(mutex_);
  if (node.value != nodes_.size()) return;  // back again
  nodes_.push_back({std::move(name), {}, 0, false});
  placing_.joined();
  tell({delivery::NodeJoined{node}, {}, {}, {}});
  settle(lock);
}

void Exchange::node_left(NodeId node) {
  Lock lock(mutex_);
  lose(node);
  // Nor does it come back for results that it has not had.
  std::erase_if(origins_, [&](const auto& entry) {
    const auto& [id, origin] = entry;
    if (id == own || origin.client || origin.name != nodes_[node.value].name) return false;
    tell({delivery::OriginGone{id}, {}, {}, {}});
    guests_.erase(origin.peer.value);
    return true;
  });
  settle(lock);
}

void Exchange::node_up(NodeId node, transport::PeerId peer, const transport::PeerInfo& info) {
  Lock lock(mutex_);
  Node& known = nodes_[node.value];
  known.peer = peer;
  known.epoch = info.epoch;
  known.delivery = info.delivery;
  tell({delivery::NodeUp{node, info.epoch}, {}, {}, {}});
  settle(lock);
}

void Exchange::node_down(NodeId node) {
  Lock lock(mutex_);
  lose(node);
  settle(lock);
}

void Exchange::lose(NodeId node) {
  nodes_[node.value].peer = {};
  placing_.forget(node);
  tell({delivery::NodeDown{node}, {}, {}, {}});
}

}  // namespace troupe::actors
