// Which node a task should run on: the one that is predicted to answer first, of our own and two
// others that are drawn at random.
//
// Two choices spread load nearly as well as knowing every node, and no two nodes have to agree
// (Mitzenmacher, "The power of two choices in randomized load balancing", 2001). What is known of
// another node rides on its replies: how long a newcomer would wait there. That passes with the
// time, but is never less than what we have sent there and have no answer to: a reply does not know
// of the tasks that are on their way, and without this a node that was idle a moment ago is buried.
// What is older than `load_lives` is forgotten. A node of which nothing is known
// is taken to be half as loaded as ours: one in trouble looks around, an idle one does not. A task
// leaves its node only for a clear gain, for predictions are no promises and every move costs both
// ends work.
//
// A pure function of what it is told and of its seed. Not thread-safe; one owner. O(1) for each
// call, plus a walk over the candidates.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/node_load.hpp"
#include "base/random.hpp"

namespace troupe::scheduler {

class NodeChoice {
 public:
  using Node = std::uint32_t;  // its place in the list of the cluster's nodes

  static constexpr Duration load_lives = std::chrono::seconds(2);
  static constexpr Duration way_lives = std::chrono::seconds(10);
  static constexpr double gain_min = 0.2;  // of what it would take at home
  static constexpr Duration round_trip_unknown = std::chrono::milliseconds(1);

  NodeChoice(Node self, std::uint32_t nodes, std::uint64_t seed);

  // The next number is a node, too.
  void joined() { nodes_.emplace_back(); }

  // A reply came from that node and said so.
  void told(Instant now, Node node, const NodeLoad& load);
  // How long a small message and its answer took; smoothed, and forgotten after `way_lives`. Zero
  // and negative ones are ignored.
  void measured(Instant now, Node node, Duration round_trip);
  // A task went there that should take so much of the node's time; its outcome came, or never will.
  void sent(Node node, Duration work);
  void settled(Node node, Duration work);
  // It is another process now, or gone: nothing is known of it.
  void forget(Node node);

  // One of `candidates`, which is not empty and holds no node twice. `own` is our own load, and
  // `carry` what carrying the task's bytes there and back takes beside the round trip.
  [[nodiscard]] Node choose(Instant now, Lane lane, const NodeLoad& own, Duration carry,
                            std::span<const Node> candidates);

 private:
  struct Known {
    bool known = false;
    Instant told;
    Instant begins_ordinary;  // a task that comes now, if nobody else sends it any
    Instant begins_urgent;
    Duration sent{};           // and not settled
    double round_trip_ns = 0;  // zero: never measured
    Instant measured;
  };
  // Until the task would begin there, and for the way.
  [[nodiscard]] double takes_ns(Instant now, Lane lane, const NodeLoad& own, Duration carry,
                                Node node) const noexcept;

  Node self_;
  std::vector<Known> nodes_;
  Random random_;
};

}  // namespace troupe::scheduler
