// For whoever tests agents of their own: a Context without a cluster. It records what an agent
// does, and the test plays the rest: it gives outcomes to tasks, lets time pass, and refuses what
// it says.
//
//   troupe::actors::FakeContext context({"counter", "x"});
//   const auto agent = troupe::actors::linked_module()->create(context.self());
//   agent->on_message(context, {{{"tester", "1"}}, "add", "3"});
//   // context.replies has {"total", "3"}
//
// What a node does around an agent is not here: restarts after a throw (the test sees what is
// thrown), mailboxes, other agents. No thread, no clock: one test, one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/agent.hpp"
#include "actors/agent_module.hpp"
#include "base/limits.hpp"

namespace troupe::actors {

// What was logged, as text: the level, the message and the keys of its fields.
class RecordingLog final : public Log {
 public:
  struct Line {
    Level level;
    std::string message;
    std::vector<std::string> keys;
  };

  [[nodiscard]] bool enabled(Level) const noexcept override { return true; }
  void write(Level level, std::string_view message,
             std::span<const Field> fields) noexcept override {
    Line line{level, std::string(message), {}};
    for (const auto& field : fields) line.keys.emplace_back(field.key);
    lines.push_back(std::move(line));
  }

  std::vector<Line> lines;
};

class FakeContext final : public Context {
 public:
  struct Sent {
    AgentId to;
    std::string topic;
    std::string body;
  };
  struct Replied {
    Sender to;
    std::string topic;
    std::string body;
  };
  struct Submitted {
    TaskId id;
    TaskRequest request;
    std::string node;  // of submit_on(); else empty
  };
  struct Raised {
    TaskId id;
    std::optional<Duration> time_limit;
  };
  struct Timer {
    TimerId id;
    Instant due;
  };

  explicit FakeContext(AgentId self, std::string node = "a",
                       std::vector<std::string> nodes = {"a", "b"})
      : self_(std::move(self)), node_(std::move(node)), nodes_(std::move(nodes)) {
    if (!parse_agent_id(to_string(self_)))
      throw std::logic_error(to_string(self_) + " is no address of an agent");
  }

  // What the agent did, in order; a test may clear them.
  std::vector<Sent> sent;
  std::vector<Replied> replies;
  std::vector<Submitted> submitted;
  std::vector<TaskId> canceled;
  std::vector<Raised> raised;

  // What is so now.
  std::vector<Timer> timers;                             // that have not fired
  std::map<std::uint64_t, std::vector<float>> memories;  // by document
  bool stopped = false;
  RecordingLog logged;

  // While one is set, that is what calls of its kind come to.
  std::optional<Error> refuse_mail;  // send() and reply()
  std::optional<Error> refuse_tasks;
  std::optional<Error> refuse_memories;

  // Gives a task its one outcome, now. A canceled one has it still to come: as a rule
  // Error{ErrorCode::canceled, ...}. Throws logic_error for a task that the agent does not wait
  // for.
  void finish(Agent& agent, TaskId task, Result<Output> result, Timing timing = {}) {
    const auto found = std::find(waiting_.begin(), waiting_.end(), task);
    if (found == waiting_.end())
      throw std::logic_error("the agent waits for no task " + to_string(task));
    waiting_.erase(found);
    agent.on_outcome(*this, TaskOutcome{task, std::move(result), timing});
  }

  // The tasks that have had no outcome, the oldest first.
  [[nodiscard]] const std::vector<TaskId>& waiting() const { return waiting_; }

  // Lets time pass. The timers that are due fire, each at its time, those that they set as well; no
  // more of them once the agent has stopped.
  void advance(Agent& agent, Duration by) {
    const Instant until = later(now_, by);
    while (!stopped) {
      const auto next =
          std::min_element(timers.begin(), timers.end(),
                           [](const Timer& a, const Timer& b) { return a.due < b.due; });
      if (next == timers.end() || next->due > until) break;
      const Timer timer = *next;
      timers.erase(next);
      now_ = std::max(now_, timer.due);
      agent.on_timer(*this, timer.id);
    }
    now_ = until;
  }

  // What an agent calls.
  [[nodiscard]] const AgentId& self() const override { return self_; }
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] const std::string& node() const override { return node_; }
  [[nodiscard]] std::vector<std::string> nodes() const override { return nodes_; }
  [[nodiscard]] Log& log() override { return logged; }

  Status send(const AgentId& to, std::string topic, std::string body) override {
    if (auto address = parse_agent_id(to_string(to)); !address) return address.error();
    if (auto fits = check_mail(topic, body); !fits) return fits;
    sent.push_back({to, std::move(topic), std::move(body)});
    return {};
  }
  Status reply(const Sender& to, std::string topic, std::string body) override {
    if (auto fits = check_mail(topic, body); !fits) return fits;
    replies.push_back({to, std::move(topic), std::move(body)});
    return {};
  }

  Result<TaskId> submit(TaskRequest request) override { return take(std::move(request), {}); }
  Result<TaskId> submit_on(std::string_view node, TaskRequest request) override {
    if (std::find(nodes_.begin(), nodes_.end(), node) == nodes_.end())
      return Error{ErrorCode::not_found, "there is no node '" + std::string(node) + "'", ""};
    return take(std::move(request), std::string(node));
  }
  void cancel(TaskId task) override { canceled.push_back(task); }
  void raise(TaskId task, std::optional<Duration> time_limit) override {
    raised.push_back({task, time_limit});
  }

  Status remember(std::uint64_t document, std::span<const float> vector) override {
    if (refuse_memories) return *refuse_memories;
    memories[document].assign(vector.begin(), vector.end());
    return {};
  }
  void forget() override { memories.clear(); }
  bool forget(std::uint64_t document) override { return memories.erase(document) > 0; }

  TimerId after(Duration delay) override {
    timers.push_back({++timers_set_, later(now_, delay)});
    return timers_set_;
  }
  void stop() override { stopped = true; }

 private:
  [[nodiscard]] Status check_mail(const std::string& topic, const std::string& body) const {
    if (refuse_mail) return *refuse_mail;
    if (topic.size() > limits::name_bytes_max || body.size() > limits::message_bytes_max)
      return Error{ErrorCode::too_large, "a message over its limit", "send less at a time"};
    return {};
  }

  Result<TaskId> take(TaskRequest request, std::string node) {
    if (refuse_tasks) return *refuse_tasks;
    request.id = ids_.next();
    request.agent = to_string(self_);
    const TaskId id = request.id;
    submitted.push_back({id, std::move(request), std::move(node)});
    waiting_.push_back(id);
    return id;
  }

  AgentId self_;
  std::string node_;
  std::vector<std::string> nodes_;
  Instant now_{std::chrono::hours(1)};  // not zero, as on no machine
  TaskIdSource ids_{1};
  std::vector<TaskId> waiting_;
  TimerId timers_set_ = 0;
};

// What TROUPE_AGENT_MODULE put into the sources that the test is linked with.
inline std::unique_ptr<AgentModule> linked_module() {
  return troupe_agent_module()->make();
}

}  // namespace troupe::actors
