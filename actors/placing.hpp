// How busy the cluster's nodes are, as our own exchange (exchange.hpp) sees it, and which of them a
// task of ours should go to: keeps the books that scheduler/node_choice.hpp decides from.
//
// Others' loads ride on their replies. The way to a node is measured from an offer to the word that
// it took the task, unless the offer was repeated: then nobody knows which of the two is answered
// (Karn and Partridge, "Improving round-trip time estimates in reliable transport protocols",
// 1987).
//
// Not thread-safe; one owner. O(log n) per call, plus a walk over the candidates.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "actors/busyness.hpp"
#include "base/id.hpp"
#include "base/node_load.hpp"
#include "delivery/words.hpp"
#include "scheduler/node_choice.hpp"

namespace troupe::actors {

class Placing {
 public:
  // Below this wait nobody looks for another node: what could be gained is less than a trip costs.
  static constexpr Duration wait_min = std::chrono::milliseconds(1);
  static constexpr Duration avoided_for = std::chrono::seconds(5);

  // `self`: thread-safe and quick.
  Placing(delivery::NodeId self, std::uint32_t nodes, std::uint64_t seed,
          std::function<Busyness()> self_busyness);

  void joined();  // the next number is a node, too

  [[nodiscard]] NodeLoad own_load() const { return busyness_().load; }

  // One of `candidates`, which is not empty, for a task of so many bytes.
  [[nodiscard]] delivery::NodeId choose(Instant now, Lane lane, std::uint64_t bytes,
                                        std::span<const delivery::NodeId> candidates);

  // The task was sent to that node, not our own; then the node took it; then it was done, or left
  // that node by other means. Tasks that nothing is known of are ignored.
  void offered(Instant now, TaskId task, delivery::NodeId to, std::uint32_t attempt);
  void accepted(Instant now, TaskId task, std::uint32_t attempt);
  void rejected(TaskId task, std::uint32_t attempt);
  void left(TaskId task);

  void told(Instant now, delivery::NodeId node, const std::optional<NodeLoad>& load);
  void forget(delivery::NodeId node);  // it went down
  // For `avoided_for` it is chosen only where there is no other.
  void avoid(Instant now, delivery::NodeId node);

 private:
  struct Away {
    delivery::NodeId node;
    std::uint32_t attempt = 0;
    Duration takes{};
    std::optional<Instant> sent;  // none: repeated, or measured already
  };

  std::function<Busyness()> busyness_;
  scheduler::NodeChoice choice_;
  std::unordered_map<TaskId, Away> away_;
  std::vector<Instant> avoided_until_;             // by node
  std::vector<scheduler::NodeChoice::Node> open_;  // room for choose()
};

}  // namespace troupe::actors
