// The way back to whoever asked for a task.
//
// A sink is one destination (an agent's shell, the bridge), not one task: whatever one batch has
// for it goes out as one message, so that a reply does not cost a message per task. The tag is the
// destination's own note, given back with the outcome.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/task.hpp"

namespace troupe::actors {

struct Answer {
  std::uint64_t tag = 0;
  TaskOutcome outcome;
};

class ReplySink {
 public:
  ReplySink() = default;
  ReplySink(const ReplySink&) = delete;
  ReplySink& operator=(const ReplySink&) = delete;
  virtual ~ReplySink() = default;

  // On the dispatcher's thread or the bridge's; must only post. Never empty.
  virtual void deliver(std::vector<Answer> answers) = 0;

 private:
  friend class Outbox;
  std::vector<Answer> gathered_;  // the outbox's; of one thread
};

struct ReplyTo {
  std::shared_ptr<ReplySink> sink;
  std::uint64_t tag = 0;
};

inline void answer_one(const ReplyTo& to, TaskOutcome&& outcome) {
  std::vector<Answer> answers;
  answers.push_back({to.tag, std::move(outcome)});
  to.sink->deliver(std::move(answers));
}

// Gathers answers by their sink until flush(). A node has one, its dispatcher's: a sink in two
// outboxes would be written by two threads.
class Outbox {
 public:
  void add(ReplyTo&& to, TaskOutcome&& outcome) {
    ReplySink& sink = *to.sink;
    sink.gathered_.push_back({to.tag, std::move(outcome)});
    if (sink.gathered_.size() == 1) sinks_.push_back(std::move(to.sink));
  }

  void flush() {
    for (auto& sink : sinks_) sink->deliver(std::exchange(sink->gathered_, {}));
    sinks_.clear();
  }

 private:
  std::vector<std::shared_ptr<ReplySink>> sinks_;
};

}  // namespace troupe::actors
