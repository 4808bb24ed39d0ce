// What the two halves of the delivery protocol say and hear: sender.hpp on the node that wants a
// task done, executor.hpp on the node that does it. docs/guarantees.md says what the two promise
// together.
//
// Only ids, numbers and codes pass through here. The task itself, its outcome and the bytes belong
// to whoever carries the decisions out (actors/exchange.hpp), as do threads, sockets and the clock.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/id.hpp"
#include "base/time.hpp"

namespace troupe::delivery {

// A node of the cluster by the number that this process gave it, our own included.
using NodeId = Id<struct NodeTag>;

// One life of one process that sends us tasks: a peer's name and epoch, numbered by the caller. A
// process that was restarted is another origin.
using OriginId = Id<struct OriginTag>;

// Another node, or another time, may answer otherwise.
constexpr bool may_be_retried(ErrorCode code) {
  return code == ErrorCode::queue_full || code == ErrorCode::draining ||
         code == ErrorCode::unreachable;
}

// --- the sender ---------------------------------------------------------------------------------

// A task that is to be done somewhere. A pinned one means something on its first node only (it
// searches what is remembered there); any other may be done by every node.
struct Submitted {
  TaskId task;
  NodeId first;
  Instant deadline = never;
  bool pinned = false;
  bool urgent = false;
};
// Its number is the next one; it is not up yet. One that leaves is down for good.
struct NodeJoined {
  NodeId node;
};
struct NodeUp {
  NodeId node;
  std::uint64_t epoch = 0;
};
// Its lease is over: nothing was heard of it for too long, or it is known to be gone.
struct NodeDown {
  NodeId node;
};
// The next four came from a node, in the epoch under which it was up then.
struct Accepted {
  NodeId node;
  std::uint64_t epoch = 0;
  TaskId task;
  std::uint32_t attempt = 0;
};
struct Rejected {
  NodeId node;
  std::uint64_t epoch = 0;
  TaskId task;
  std::uint32_t attempt = 0;
  ErrorCode why = ErrorCode::queue_full;
  Duration retry_after{};
  bool elsewhere = false;  // another node may do this task, whatever the reason
};
struct ResultCame {
  NodeId node;
  std::uint64_t epoch = 0;
  TaskId task;
  std::optional<ErrorCode> error;  // none: it was done
  bool elsewhere = false;          // as above
};
// An offer could not even be sent.
struct Undelivered {
  NodeId node;
  TaskId task;
  std::uint32_t attempt = 0;
  ErrorCode why = ErrorCode::unreachable;
};
struct Canceled {
  TaskId task;
};
using SenderEvent = std::variant<Submitted, NodeJoined, NodeUp, NodeDown, Accepted, Rejected,
                                 ResultCame, Undelivered, Canceled>;

// Send the task to the node; it has so much time left from now on (none: all the time).
struct Offer {
  NodeId node;
  TaskId task;
  std::uint32_t attempt = 0;
  std::optional<Duration> time_left;
  bool hedge = false;  // another node has it, too
};
// Tell the node that nobody waits for the task any more.
struct Withdraw {
  NodeId node;
  TaskId task;
};
// Tell the node that its result has come, so that it need not keep it.
struct Acknowledge {
  NodeId node;
  TaskId task;
};
// The task's one outcome. Nothing is decided about it afterwards.
struct Conclude {
  enum class With : std::uint8_t {
    result,   // the one that came with the event
    refusal,  // the error that came with the event
    error,    // of the sender's own: `code`
  };
  TaskId task;
  With with = With::error;
  ErrorCode code = ErrorCode::internal;
  bool by_hedge = false;  // the result is that of the second node
};
using SenderAction = std::variant<Offer, Withdraw, Acknowledge, Conclude>;
using SenderActions = std::vector<SenderAction>;

// --- the executor -------------------------------------------------------------------------------

struct Offered {
  OriginId origin;
  TaskId task;
  std::uint32_t attempt = 0;
};
// What became of a Run: the scheduler has stored the task, or will not have it.
struct Stored {
  OriginId origin;
  TaskId task;
};
struct Refused {
  OriginId origin;
  TaskId task;
  Duration retry_after{};
};
struct Finished {
  OriginId origin;
  TaskId task;
  std::uint64_t bytes = 0;  // of the result that is kept
  bool again = false;       // it is a refusal after all: the sender may offer the task once more
};
struct Acknowledged {
  OriginId origin;
  TaskId task;
};
struct Withdrawn {
  OriginId origin;
  TaskId task;
};
struct OriginUp {
  OriginId origin;
};
struct OriginDown {
  OriginId origin;
};
// It will never come back: its process was restarted.
struct OriginGone {
  OriginId origin;
};
using ExecutorEvent = std::variant<Offered, Stored, Refused, Finished, Acknowledged, Withdrawn,
                                   OriginUp, OriginDown, OriginGone>;

// Give the task to the scheduler and say at once, with Stored or Refused, what came of it.
struct Run {
  OriginId origin;
  TaskId task;
};
// Stop it if that is still possible. It may finish all the same.
struct Stop {
  OriginId origin;
  TaskId task;
};
struct Accept {
  OriginId origin;
  TaskId task;
  std::uint32_t attempt = 0;
};
// `full`: by the executor itself; else with the error that Refused came with.
struct Reject {
  OriginId origin;
  TaskId task;
  std::uint32_t attempt = 0;
  bool full = false;
  Duration retry_after{};
};
struct SendResult {
  OriginId origin;
  TaskId task;
};
// Nothing that is kept of the task is needed any more.
struct Drop {
  OriginId origin;
  TaskId task;
};
using ExecutorAction = std::variant<Run, Stop, Accept, Reject, SendResult, Drop>;
using ExecutorActions = std::vector<ExecutorAction>;

}  // namespace troupe::delivery
