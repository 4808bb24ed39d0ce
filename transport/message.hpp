// What nodes and clients say to each other, before it is bytes (wire.hpp) and after.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/agent_id.hpp"
#include "base/node_load.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "base/trace.hpp"

namespace troupe::transport {

inline constexpr std::uint8_t protocol_version = 1;

// First on every connection, from both sides. `epoch` is random per process: a new one means that
// the peer was restarted and has forgotten everything. `connection` is random per connection and
// ties its two sockets together; whoever answers repeats it, and says 0 to somebody whose hello it
// has not heard: "say it again".
struct Hello {
  std::string node;  // the name from the config; clients say theirs ("client")
  std::uint64_t epoch = 0;
  std::uint64_t connection = 0;
  // It says of each task that it is sent whether it takes it, and acknowledges each result.
  bool delivery = false;
  // It reads shared frames and parts (framing.hpp), and says what it has received.
  bool framing = false;
  bool operator==(const Hello&) const = default;
};

// "I am alive", through the same threads that do the work.
struct Heartbeat {
  std::uint64_t epoch = 0;
  bool last = false;  // its sender stops: nothing comes behind this on the lane
  // Bytes of the ordinary lane that its sender has received: more may be sent to it (window.hpp).
  std::optional<std::uint64_t> received = std::nullopt;
  bool operator==(const Heartbeat&) const = default;
};

// From one agent to another. `from` is empty when a client wrote; `reply` is then the client's own
// number for the conversation and comes back in the answer's `reply`.
struct AgentMessage {
  AgentId to;
  AgentId from;
  std::uint64_t reply = 0;
  std::string topic;  // what kind of message this is, in the receiving type's words
  std::string body;   // in the form that type documents; JSON by convention
  Trace trace{};      // what it was written for
  bool operator==(const AgentMessage&) const = default;
};

// A task for the receiving node's devices. The answer is a TaskResult with the same id; between two
// sides that both announced `delivery` first TaskAccepted or TaskRejected, and the result is sent
// again until there is a ResultAck for it. `attempt` is 0 where they did not.
struct SubmitTask {
  TaskRequest request;
  std::uint32_t attempt = 0;
};

// "It is mine now": the scheduler has stored the task. `load`, here and in the next messages: how
// busy the node is that says so, for the next task's choice of a node; none if it does not tell.
struct TaskAccepted {
  TaskId task;
  std::uint32_t attempt = 0;
  std::optional<NodeLoad> load = std::nullopt;
  bool operator==(const TaskAccepted&) const = default;
};

// "I do not have it", and why; ask again no sooner than after `retry_after`.
struct TaskRejected {
  TaskId task;
  std::uint32_t attempt = 0;
  Duration retry_after{};
  Error why;
  std::optional<NodeLoad> load = std::nullopt;
};

struct CancelTask {
  TaskId task;
  bool operator==(const CancelTask&) const = default;
};

struct TaskResult {
  TaskOutcome outcome;
  std::optional<NodeLoad> load = std::nullopt;
};

struct ResultAck {
  TaskId task;
  bool operator==(const ResultAck&) const = default;
};

// Questions to the node itself ("status"), answered in JSON.
struct ControlRequest {
  std::uint64_t id = 0;
  std::string verb;
  std::string body;
  bool operator==(const ControlRequest&) const = default;
};

struct ControlReply {
  std::uint64_t id = 0;
  bool ok = false;
  std::string body;  // JSON; on failure {"error":{"code","what","next_step"}}
  bool operator==(const ControlReply&) const = default;
};

using Message = std::variant<Hello, Heartbeat, AgentMessage, SubmitTask, CancelTask, TaskResult,
                             ControlRequest, ControlReply, TaskAccepted, TaskRejected, ResultAck>;

}  // namespace troupe::transport
