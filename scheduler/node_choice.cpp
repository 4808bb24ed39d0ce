#include "scheduler/node_choice.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace troupe::scheduler {
namespace {

constexpr double smoothing = 1.0 / 8;  // of round trips, as TCP does (RFC 6298)
constexpr double unknown_part = 0.5;   // of our own load
constexpr std::size_t drawn = 2;

double ns(Duration duration) noexcept {
  return static_cast<double>(std::max(duration, Duration::zero()).count());
}

}  // namespace

NodeChoice::NodeChoice(Node self, std::uint32_t nodes, std::uint64_t seed)
    : self_(self), nodes_(nodes), random_(seed) {
  TROUPE_ASSERT(self < nodes, "our own node is one of the cluster's");
}

void NodeChoice::told(Instant now, Node node, const NodeLoad& load) {
  if (node >= nodes_.size()) return;
  Known& known = nodes_[node];
  known.begins_ordinary = later(now, std::max(load.ordinary, Duration::zero()));
  known.begins_urgent = later(now, std::max(load.urgent, Duration::zero()));
  known.told = now;
  known.known = true;
}

void NodeChoice::measured(Instant now, Node node, Duration round_trip) {
  if (node >= nodes_.size() || round_trip <= Duration::zero()) return;
  Known& known = nodes_[node];
  const bool first = known.round_trip_ns == 0 || now - known.measured > way_lives;
  known.measured = now;
  double& smoothed = known.round_trip_ns;
  smoothed = first ? ns(round_trip) : smoothed + smoothing * (ns(round_trip) - smoothed);
}

void NodeChoice::sent(Node node, Duration work) {
  if (node >= nodes_.size() || work <= Duration::zero()) return;
  Duration& sent = nodes_[node].sent;
  sent = std::min(sent, Duration::max() - work) + work;
}

void NodeChoice::settled(Node node, Duration work) {
  if (node >= nodes_.size() || work <= Duration::zero()) return;
  Duration& sent = nodes_[node].sent;
  sent = std::max(sent - work, Duration::zero());
}

void NodeChoice::forget(Node node) {
  if (node < nodes_.size()) nodes_[node] = {};
}

double NodeChoice::takes_ns(Instant now, Lane lane, const NodeLoad& own, Duration carry,
                            Node node) const noexcept {
  if (node == self_) return ns(own.of(lane));
  const Known& known = nodes_[node];
  const bool fresh = known.known && now - known.told <= load_lives;
  const Instant begins = lane == Lane::urgent ? known.begins_urgent : known.begins_ordinary;
  const double says = fresh ? ns(std::max(begins, now) - now) : unknown_part * ns(own.of(lane));
  const double waits = std::max(says, ns(known.sent));
  const bool measured = known.round_trip_ns > 0 && now - known.measured <= way_lives;
  const double way = measured ? known.round_trip_ns : ns(round_trip_unknown);
  return waits + way + ns(carry);
}

NodeChoice::Node NodeChoice::choose(Instant now, Lane lane, const NodeLoad& own, Duration carry,
                                    std::span<const Node> candidates) {
  TROUPE_ASSERT(!candidates.empty(), "a task runs somewhere");
  // Two different ones of the others, each pair as likely as any.
  std::array<Node, drawn> others{};
  std::size_t seen = 0;
  bool home = false;
  for (const Node node : candidates) {
    if (node == self_) {
      home = true;
      continue;
    }
    TROUPE_ASSERT(node < nodes_.size(), "a candidate is one of the cluster's nodes");
    if (seen < drawn) {
      others[seen] = node;
    } else if (const auto place = random_.below(seen + 1); place < drawn) {
      others[place] = node;
    }
    ++seen;
  }
  if (seen == 0) return self_;
  Node best = others[0];
  double least = takes_ns(now, lane, own, carry, best);
  for (std::size_t i = 1; i < std::min(seen, drawn); ++i) {
    const double takes = takes_ns(now, lane, own, carry, others[i]);
    if (takes < least || (takes == least && random_.chance(0.5))) best = others[i], least = takes;
  }
  if (home && least >= (1 - gain_min) * takes_ns(now, lane, own, carry, self_)) return self_;
  return best;
}

}  // namespace troupe::scheduler
