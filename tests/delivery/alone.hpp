// One sender and one executor, each told what a test wants and asked what it decided.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "delivery/executor.hpp"
#include "delivery/sender.hpp"

namespace troupe::delivery::testing {

using namespace std::chrono_literals;

inline constexpr NodeId here{0}, b{1}, c{2};
inline constexpr TaskId task{7, 1};
inline constexpr OriginId origin{4};

template <class What, class Actions>
std::vector<What> only(const Actions& actions) {
  std::vector<What> found;
  for (const auto& action : actions)
    if (const auto* one = std::get_if<What>(&action)) found.push_back(*one);
  return found;
}

// A sender in a cluster of three.
struct OneSender {
  Instant now{1h};
  Sender sender;
  SenderActions last;

  explicit OneSender(SenderOptions options) : sender(std::move(options), 1) {}

  void tell(const SenderEvent& event) {
    last.clear();
    sender.handle(now, event, last);
  }
  void pass(Duration time) {
    last.clear();
    now += time;
    sender.advance(now, last);
  }
  // What is decided next, and how long that took.
  Duration until_next_decision() {
    const Instant begin = now;
    last.clear();
    while (last.empty() && sender.next_wakeup()) {
      now = std::max(now, *sender.next_wakeup());
      sender.advance(now, last);
    }
    return now - begin;
  }
  std::vector<Offer> offers() const { return only<Offer>(last); }
  std::vector<Conclude> ends() const { return only<Conclude>(last); }
};

// On node 0, the others up in epoch 1.
struct Sending : OneSender {
  static SenderOptions options() {
    SenderOptions options;
    options.self = here;
    options.nodes = 3;
    return options;
  }
  Sending() : OneSender(options()) {
    tell(NodeUp{b, 1});
    tell(NodeUp{c, 1});
  }
};

struct Executing {
  Instant now{1h};
  Executor executor;
  ExecutorActions last;

  explicit Executing(const ExecutorOptions& options = {}) : executor(options) {
    tell(OriginUp{origin});
  }
  void tell(const ExecutorEvent& event) {
    last.clear();
    executor.handle(now, event, last);
  }
  void pass(Duration time) {
    last.clear();
    now += time;
    executor.advance(now, last);
  }
  void finish(TaskId id, bool again = false) {
    tell(Offered{origin, id, 1});
    tell(Stored{origin, id});
    tell(Finished{origin, id, 1000, again});
  }
};

}  // namespace troupe::delivery::testing
