// Gathers the outcomes of tasks by their tags, for tests that ask a node without an agent.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "actors/reply.hpp"
#include "tests/catch.hpp"

namespace troupe::tests {

class Collector final : public actors::ReplySink {
 public:
  void deliver(std::vector<actors::Answer> answers) override {
    const std::lock_guard lock(mutex_);
    for (auto& answer : answers)
      if (!outcomes_.try_emplace(answer.tag, std::move(answer.outcome)).second) ++extra_;
    changed_.notify_all();
  }

  // Until so many tags have their outcome; none has had two.
  std::map<std::uint64_t, TaskOutcome> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(20),
                              [&] { return outcomes_.size() == count; }));
    CHECK(extra_ == 0);
    return outcomes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, TaskOutcome> outcomes_;
  int extra_ = 0;
};

}  // namespace troupe::tests
