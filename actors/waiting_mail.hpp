// Mail to nodes that are down and taken to live (members.hpp): kept, in order and within limits,
// until the node is back or its agents live elsewhere. It counts as in hand, so that a node that is
// taken out waits for it.
//
// Not thread-safe; the bridge guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <map>

#include "actors/in_hand.hpp"
#include "base/result.hpp"
#include "transport/message.hpp"

namespace troupe::actors {

class WaitingMail {
 public:
  // For all nodes together.
  static constexpr std::size_t letters_max = 16'384;
  static constexpr std::size_t bytes_max = 32U << 20U;

  using Letters = std::deque<transport::AgentMessage>;

  explicit WaitingMail(InHand& in_hand) : in_hand_(in_hand) {}
  ~WaitingMail() { in_hand_.remove(letters_); }
  WaitingMail(const WaitingMail&) = delete;
  WaitingMail& operator=(const WaitingMail&) = delete;

  // Takes the letter only if there is no error. Errors: unreachable over the limits.
  Status keep(std::size_t node, transport::AgentMessage& letter);

  // All for that node, oldest first. They count as in hand no longer.
  Letters take(std::size_t node);

  [[nodiscard]] bool any_for(std::size_t node) const { return kept_.contains(node); }
  [[nodiscard]] std::size_t letters() const { return letters_; }

 private:
  InHand& in_hand_;
  std::map<std::size_t, Letters> kept_;
  std::size_t letters_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace troupe::actors
