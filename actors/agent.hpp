// What somebody writes who writes an agent: a class with handlers, and a module that makes it.
//
// An agent has an address `type/key`, exists from its first message on, and lives on the node where
// its address hashes to, of those that are taken to live: when these change it may have to go, is
// told to stop, and a new one begins elsewhere. Its handlers run one at a time, on some thread of
// the node's pool; they must not block. They see the outside only through the Context. No CAF type
// appears here.
//
// A handler that throws ends this incarnation: the message that did it is answered with an "error"
// message, the mailbox is kept, and after a back-off a new object of the same agent goes on with
// the next message. Too many of these within a window and the agent stays down, answering
// everything with an error (actors/restart_budget.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/agent_id.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "base/trace.hpp"

namespace troupe::actors {

// The type of addresses that nodes give to their clients; no agent has it.
inline constexpr std::string_view client_type = "client";

// Who wrote a message, and where an answer goes: an agent anywhere in the cluster, or a client on a
// connection of this node or, if the letter was passed on, of another one.
struct Sender {
  AgentId agent;            // of client_type: another node's client
  std::uint64_t peer = 0;   // our client's connection
  std::uint64_t reply = 0;  // the client's own number for the conversation

  [[nodiscard]] bool is_agent() const noexcept {
    return !agent.type.empty() && agent.type != client_type;
  }
};

struct AgentMail {
  Sender from;
  std::string topic;  // what kind of message; "error" is reserved for failures
  std::string body;
  Trace trace{};  // what it was written for; what its handler asks for and writes belongs to it
};

using TimerId = std::uint64_t;

// An agent's view of the world, valid only during the handler that receives it.
class Context {
 public:
  virtual ~Context() = default;

  [[nodiscard]] virtual const AgentId& self() const = 0;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual const std::string& node() const = 0;  // where it lives
  // Of the cluster, sorted; others may join and leave while it runs.
  [[nodiscard]] virtual std::vector<std::string> nodes() const = 0;
  [[nodiscard]] virtual Log& log() = 0;

  // To an agent on whatever node. Success means on its way, not handled. Errors: not_found for a
  // type this node does not know, unreachable, queue_full, too_large, invalid_argument.
  virtual Status send(const AgentId& to, std::string topic, std::string body) = 0;
  virtual Status reply(const Sender& to, std::string topic, std::string body) = 0;

  // What goes out while mail of a trace is handled, or the outcome of a task of a trace, belongs to
  // that trace, unless a request has another one.

  // A task for our own devices or, where those of another node are clearly less busy, for that
  // one's; or for `node`'s. Should it be lost, for another's. A recall stays: it searches what its
  // node remembers. The id is filled in.
  // Once it has returned an id, exactly one on_outcome() with that id follows (unless this
  // incarnation ends before); an error is the whole outcome.
  virtual Result<TaskId> submit(TaskRequest request) = 0;
  virtual Result<TaskId> submit_on(std::string_view node, TaskRequest request) = 0;
  virtual void cancel(TaskId task) = 0;

  // Somebody urgent waits for this task of ours: from now on it is urgent itself, and wanted within
  // `time_limit` if its own is longer. One that runs already, has its outcome, or went to another
  // node goes on as it was.
  virtual void raise(TaskId task, std::optional<Duration> time_limit) = 0;

  // This agent's own memory, which Recall searches; it stays when the agent restarts or stops, and
  // when its node does where the config names a folder for it. Remembering a document again
  // replaces its vector.
  virtual Status remember(std::uint64_t document, std::span<const float> vector) = 0;
  virtual void forget() = 0;
  virtual bool forget(std::uint64_t document) = 0;  // whether it was there

  // One on_timer() with this id, not before `delay` has passed.
  virtual TimerId after(Duration delay) = 0;

  // Ends the agent after this handler. Its next message makes a new one.
  virtual void stop() = 0;
};

class Agent {
 public:
  virtual ~Agent() = default;
  virtual void on_start(Context&) {}
  virtual void on_message(Context&, const AgentMail& mail) = 0;
  virtual void on_outcome(Context&, const TaskOutcome&) {}
  virtual void on_timer(Context&, TimerId) {}
  virtual void on_stop(Context&) {}  // the node shuts down, or stop() was called
};

// A type of agents. Modules are handed to the node by whoever wires it (main).
class AgentModule {
 public:
  virtual ~AgentModule() = default;

  [[nodiscard]] virtual std::string_view type() const = 0;

  // From any thread. May throw; that counts as a crash of the agent.
  virtual std::unique_ptr<Agent> create(const AgentId& id) = 0;

  // Before the first agent and after the last; on the node's starting and stopping thread. A start
  // that fails keeps the node from starting.
  virtual Status start(Log&) { return {}; }
  virtual void stop() {}
};

}  // namespace troupe::actors
