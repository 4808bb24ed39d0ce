// The half of the delivery protocol on the node that wants tasks done: it offers each task to a
// node, offers it again, there or elsewhere, when that comes to nothing, and concludes it exactly
// once.
//
// A task is waiting (for a moment, or for its node to come back), offered (no word yet whether the
// node took it) or held (a node has accepted it and its lease runs: that node is up, in the epoch
// in which it accepted). When a node is lost, what it held goes to another one at once; such
// retries replace work that is gone, so they are limited by attempts_max alone; and so do those
// after a refusal by a node that ends or cannot work, which is then left alone for a while. Repeats
// and retries at full nodes add to the load: they come out of a retry budget, after a jittered
// pause
// ("Exponential Backoff And Jitter", Brooker, AWS 2015), and not before the time that a refusal
// asks for.
//
// A client is a sender that is no node. While it reaches none at all, its tasks wait for the first
// that comes, as long as they would wait for a full one.
//
// An urgent task that its node has had for longer than nearly all take may be hedged: offered to
// one second node, too (hedging.hpp says when). With two nodes at it, the first result counts, and
// what ends or refuses it at one of them counts for nothing as long as the other has it.
//
// A result counts whichever of the nodes that were given the task it comes from: a node that was
// cut off for a while may be the first to answer. Words of a node that is down, of another epoch of
// it, or about tasks that it was never given change nothing.
//
// Sans-io: events and the time come in, decisions go out. Not thread-safe. O(log n) per event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "delivery/hedging.hpp"
#include "delivery/retry_budget.hpp"
#include "delivery/timetable.hpp"
#include "delivery/words.hpp"

namespace troupe::delivery {

// Which of some nodes gets a task that its first node cannot do; none: the default, our own node if
// it is among them, else one at random. `candidates` is never empty; one of them is returned.
using Choose = std::function<NodeId(Instant now, TaskId task, std::span<const NodeId> candidates)>;

// What whoever asked is told where a task is concluded With::error.
[[nodiscard]] Error error_of(ErrorCode code);

struct SenderOptions {
  std::optional<NodeId> self;          // our own node, always up; none: a client, which only asks
  std::uint32_t nodes = 1;             // of the cluster, at the start
  std::uint32_t tasks_max = 1U << 20;  // without an outcome; more are concluded as queue_full
  std::uint32_t attempts_max = 5;      // nodes that may be lost with a task before it is given up
  Duration repeat_after = std::chrono::seconds(1);  // an offer without an answer is sent again
  Duration repeat_after_max = std::chrono::seconds(8);
  Duration backoff_min = std::chrono::milliseconds(10);
  Duration backoff_max = std::chrono::seconds(1);
  Duration refusal_patience = std::chrono::seconds(10);  // for tasks without a deadline
  Duration pinned_patience = std::chrono::seconds(3);    // for their node to come (back)
  Duration draining_pause = std::chrono::seconds(5);     // one that drains is not asked so long
  Duration grace = std::chrono::seconds(2);  // after the deadline, for the holder's own answer
  std::optional<HedgingOptions> hedge;       // none: no task is hedged
  Choose choose;
};

class Sender {
 public:
  Sender(SenderOptions options, std::uint64_t seed);

  // The decisions are appended to `out`, to be carried out in that order.
  void handle(Instant now, const SenderEvent& event, SenderActions& out);
  void advance(Instant now, SenderActions& out);
  // Call advance() no later than this; none: only an event changes anything.
  [[nodiscard]] std::optional<Instant> next_wakeup() const { return timers_.next(); }

  // Nodes that are up and have not said that they will not have tasks now; ours, if we are one, is
  // one of them.
  [[nodiscard]] std::vector<NodeId> open(Instant now) const;

  [[nodiscard]] std::size_t tasks() const noexcept { return tasks_.size(); }
  [[nodiscard]] bool has(TaskId task) const { return tasks_.contains(task); }

  // Where a task without an outcome stands. A node that neither has it nor was offered it is the
  // one that is waited for, or the last that would not have it.
  struct Standing {
    NodeId node;
    bool offered = false;  // no word yet whether the node took it
    bool held = false;     // the node has accepted it
    Instant deadline = never;
  };
  [[nodiscard]] std::optional<Standing> standing(TaskId task) const;

 private:
  enum class State : std::uint8_t { waiting, offered, held };
  struct Given {
    NodeId node;
    std::uint64_t epoch = 0;
  };
  // A second node that has a task while the first still does.
  struct Second {
    NodeId node;
    std::uint32_t attempt = 0;
    bool held = false;
  };
  struct Task {
    Submitted wanted;
    Instant submitted;
    State state = State::waiting;
    NodeId node;                 // offered to, held by, or waiting for
    std::uint32_t attempt = 0;   // of the offer to that node
    std::uint32_t attempts = 0;  // all of them
    std::uint32_t losses = 0;
    std::uint32_t refusals = 0;
    std::uint32_t repeats = 0;
    bool on_node = false;      // stands in that node's list
    bool first_offer = false;  // that node was not given the task before this attempt
    Instant retry_at = never;
    Instant waits_until = never;  // for its node, or for any
    std::vector<Given> given;     // who may answer
    Instant offered_at{};         // by the last attempt at the first node
    Instant hedge_at = never;
    std::optional<Second> second;
    bool hedged = false;               // once
    std::optional<ErrorCode> refused;  // the last refusal
  };
  struct Node {
    bool up = false;
    std::uint64_t epoch = 0;
    Instant refuses_until{};
    std::set<TaskId> tasks;  // offered to it, held by it, waiting for it
  };
  using Tasks = std::map<TaskId, Task>;

  void on(Instant now, const Submitted& event, SenderActions& out);
  void on(Instant now, const NodeJoined& event, SenderActions& out);
  void on(Instant now, const NodeUp& event, SenderActions& out);
  void on(Instant now, const NodeDown& event, SenderActions& out);
  void on(Instant now, const Accepted& event, SenderActions& out);
  void on(Instant now, const Rejected& event, SenderActions& out);
  void on(Instant now, const ResultCame& event, SenderActions& out);
  void on(Instant now, const Undelivered& event, SenderActions& out);
  void on(Instant now, const Canceled& event, SenderActions& out);

  void look_at(Instant now, Tasks::iterator task, SenderActions& out);
  void dispatch(Instant now, Tasks::iterator task, SenderActions& out);
  void offer(Instant now, Task& task, NodeId node, SenderActions& out);
  void declined(Instant now, NodeId by, Tasks::iterator task, ErrorCode why, Duration retry_after,
                SenderActions& out);
  void leave_alone(Instant now, NodeId node, ErrorCode why, Duration retry_after);
  void lost(Instant now, Tasks::iterator task, SenderActions& out);
  void refused(Instant now, Tasks::iterator task, ErrorCode why, SenderActions& out);
  void wait_for_node(Instant now, Tasks::iterator task, SenderActions& out);
  void wait_for_any(Instant now, Tasks::iterator task, SenderActions& out);
  void conclude(Tasks::iterator task, Conclude::With with, ErrorCode code, SenderActions& out,
                bool by_hedge = false);
  void leave_node(Task& task);

  // sender_hedging.cpp
  void plan_hedge(Instant now, Task& task);
  void hedge(Instant now, Task& task, SenderActions& out);
  [[nodiscard]] bool is_second(const Task& task, NodeId node, std::uint32_t attempt) const;
  void gave_it_back(Instant now, NodeId by, Task& task, ErrorCode why, Duration retry_after);
  [[nodiscard]] bool other_has_it(Instant now, Task& task, NodeId without);
  void leave_second(Task& task);

  void arm(const Task& task);
  [[nodiscard]] Instant patience_ends(const Task& task) const;
  [[nodiscard]] bool current(NodeId node, std::uint64_t epoch) const;
  [[nodiscard]] std::vector<NodeId> candidates(Instant now, const Task& task) const;
  [[nodiscard]] Instant soonest_candidate(Instant now) const;
  Duration jittered(Duration least, std::uint32_t doublings);

  SenderOptions options_;
  Random random_;
  RetryBudget budget_;
  Hedging hedging_;
  std::vector<Node> nodes_;
  Tasks tasks_;
  std::set<TaskId> for_any_;  // waiting while no node is up
  Timetable timers_;
};

}  // namespace troupe::delivery
