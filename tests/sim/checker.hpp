// Judges one run from its trace alone: what the headers of the scheduler promise, said a second
// time and independently. A broken promise is thrown as a Violation that names the checker:
//
//   outcome       every task ends exactly once: refused, or in a batch reported finished
//   capacity      a worker that is here, and never more batches on it than slots
//   bounds        queue_full exactly when the queue is full, with a time to retry after
//   cancel        a canceled task that waits is refused at once, one on a lost worker then
//   attempts      tasks of a lost worker are launched again, at most attempts_max times in all
//   deadline      refused as expired exactly when the deadline comes, never launched after it
//   order         earliest deadline first within a kind and between kinds, ties as they arrived
//   shape         one kind, as many tasks as fit and no more, no number used twice
//   placement     on the worker that the lane's rule prefers
//   patience      nothing is launched before the rule allows it
//   conservation  nothing waits once the rule says go, not even for an instant
//   counters      queued() and launched() agree with the trace
//   wakeup        next_wakeup() lies ahead
//   lane          each task took the lane that it asked for, or that its laxity gave it
//   liveness      when arrivals stop, everything drains
//   determinism   the same seed leaves the same trace (world.hpp)
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/error.hpp"
#include "tests/sim/books.hpp"
#include "tests/sim/options.hpp"
#include "tests/sim/trace.hpp"

namespace troupe::sim {

struct Violation {
  std::string checker;
  std::string what;
  Instant at;
};

// How often a run came by the places where rules bite.
using Coverage = std::map<std::string, std::uint64_t>;

class Checker {
 public:
  explicit Checker(const SimOptions& options);

  void see(const Step& step);
  void see_choice(Instant now, std::optional<Lane> asked, Instant deadline, Duration cost,
                  Lane chosen);
  // The world has nothing left to do.
  void see_end(Instant now);

  [[nodiscard]] const Books& books(Lane lane) const { return lanes_[index(lane)].books; }
  [[nodiscard]] const Coverage& coverage() const { return coverage_; }

 private:
  struct LaneView {
    Books books;
    bool urgent = false;
    std::size_t tasks_max = 1;
    std::uint64_t units_max = 1;
    std::size_t queue_tasks_max = 0;
    std::uint32_t attempts_max = 0;
    Duration delay_max{};
    bool eager = true;
  };

  static std::size_t index(Lane lane) { return static_cast<std::size_t>(lane); }
  [[noreturn]] void fail(const std::string& checker, const std::string& what) const;
  void expect(bool holds, const char* checker, const std::string& what) const {
    if (!holds) fail(checker, what);
  }

  void check_time_passed(const LaneView& lane) const;
  void expect_refusals(LaneView& lane, const Step& step);
  void on_event(LaneView& lane, const scheduler::Event& event);
  void on_refuse(LaneView& lane, const scheduler::Refuse& refuse);
  void on_launch(LaneView& lane, const scheduler::Launch& launch);
  void check_shape(const LaneView& lane, const scheduler::Launch& launch);
  void check_order(const LaneView& lane, const scheduler::Launch& launch) const;
  void check_placement(const LaneView& lane, const scheduler::Launch& launch,
                       const WorkerView& worker) const;
  void check_settled(const LaneView& lane, const Step& step) const;

  [[nodiscard]] bool is_full(const LaneView& lane, const KindView& kind) const;
  [[nodiscard]] Instant due(const LaneView& lane, const KindView& kind,
                            const WorkerView& worker) const;
  [[nodiscard]] Instant due_everywhere(const LaneView& lane, const KindView& kind) const;
  void note_launch(const LaneView& lane, const scheduler::Launch& launch, const WorkerView& worker);

  scheduler::LaneOptions lane_options_;
  std::array<LaneView, lane_count> lanes_;
  std::map<TaskId, ErrorCode> must_refuse_;  // within the step at hand
  std::set<BatchId> batches_;                // all that were ever launched
  Coverage coverage_;
  Instant now_;
};

}  // namespace troupe::sim
