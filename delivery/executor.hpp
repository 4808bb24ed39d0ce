// The half of the delivery protocol on the node that does tasks for others: it lets each task in
// once, says so only after the scheduler has stored it, and keeps the result until the origin has
// it.
//
// A task that is offered again is answered from the table: what runs is accepted again, what is
// finished is sent again. After the acknowledgement the task is remembered for `remember`, longer
// than a late copy of its offer can be under way, so that it does not run twice. Only where the
// result was a refusal may it come again, with a higher attempt than the one that was acknowledged.
//
// Results are sent again until they are acknowledged, ever more seldom, while the origin is up;
// they are kept over its absence for `keep`. The table is bounded in tasks and bytes: over that,
// offers are rejected with a time to come again, and what is remembered of finished tasks goes,
// oldest first.
//
// Sans-io; not thread-safe; O(log n) per event.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "delivery/timetable.hpp"
#include "delivery/words.hpp"

namespace troupe::delivery {

struct ExecutorOptions {
  std::uint32_t tasks_max = 1U << 17;                        // that run or whose result is kept
  std::uint64_t result_bytes_max = std::uint64_t{64} << 20;  // of results that are kept
  std::uint32_t remembered_max = 1U << 16;
  Duration remember = std::chrono::minutes(2);
  Duration keep = std::chrono::minutes(1);
  Duration repeat_after = std::chrono::seconds(1);
  Duration repeat_after_max = std::chrono::seconds(16);
  Duration retry_after = std::chrono::milliseconds(100);  // told when the table is full
};

class Executor {
 public:
  explicit Executor(const ExecutorOptions& options) : options_(options) {}

  void handle(Instant now, const ExecutorEvent& event, ExecutorActions& out);
  void advance(Instant now, ExecutorActions& out);
  [[nodiscard]] std::optional<Instant> next_wakeup() const { return timers_.next(); }

  [[nodiscard]] std::size_t active() const noexcept { return active_; }  // run or kept
  [[nodiscard]] std::size_t remembered() const noexcept { return entries_.size() - active_; }
  [[nodiscard]] std::uint64_t result_bytes() const noexcept { return result_bytes_; }
  // Whether anything of this origin is left.
  [[nodiscard]] bool knows(OriginId origin) const;

 private:
  enum class State : std::uint8_t {
    running,   // the scheduler has it, or is being asked
    unwanted,  // as running, and its result is to be thrown away
    finished,  // the result is kept
    done,      // remembered, so that it does not run again
  };
  using Key = std::pair<OriginId, TaskId>;
  struct Entry {
    State state = State::running;
    std::uint32_t attempt = 0;
    std::uint32_t repeats = 0;
    std::uint64_t bytes = 0;
    bool again = false;
    Instant until = never;      // finished: kept; done: remembered
    Instant repeat_at = never;  // finished
  };
  using Entries = std::map<Key, Entry>;

  void on(Instant now, const Offered& event, ExecutorActions& out);
  void on(Instant now, const Stored& event, ExecutorActions& out);
  void on(Instant now, const Refused& event, ExecutorActions& out);
  void on(Instant now, const Finished& event, ExecutorActions& out);
  void on(Instant now, const Acknowledged& event, ExecutorActions& out);
  void on(Instant now, const Withdrawn& event, ExecutorActions& out);
  void on(Instant now, const OriginUp& event, ExecutorActions& out);
  void on(Instant now, const OriginDown& event, ExecutorActions& out);
  void on(Instant now, const OriginGone& event, ExecutorActions& out);

  void send(Instant now, Entries::iterator entry, ExecutorActions& out);
  void remember(Instant now, Entries::iterator entry);
  void forget(Entries::iterator entry);
  void arm(const Key& key, const Entry& entry);
  template <class Do>
  void for_each_of(OriginId origin, Do what);

  ExecutorOptions options_;
  Entries entries_;
  std::map<OriginId, bool> up_;
  std::deque<Key> remembered_order_;
  std::size_t active_ = 0;
  std::uint64_t result_bytes_ = 0;
  Timetable timers_;
};

}  // namespace troupe::delivery
