// Judges a run from its trace alone: what the scheduler's headers promise, said a second time and
// independently. A broken promise is thrown as a Violation that names the checker:
//
//   outcome       every task ends exactly once: refused, or in a batch reported finished
//   capacity      a worker that is here, never more in turn or inside than it takes, nothing inside
//                 where it cannot be entered
//   bounds        queue_full only when a queue may be full, never one task more; with retry_after
//   fairshare     of a crowded queue's last places, only those with less than their part get one;
//                 two tenants who want more all the time get the same, but for two full batches
//   cancel        a canceled task that waits is refused at once, one on a lost worker then
//   attempts      tasks of a lost worker are launched again, at most attempts_max times in all
//   deadline      refused as expired exactly when the deadline comes, never launched after it
//   infeasible    only with a deadline; names one that is later, and a time to ask again; never
//                 where the deadline is far and an idle device has nothing else to do
//   shape         one kind, no more tasks and units than a batch may have, no number used twice
//   order         of a tenant's tasks of one kind, the earliest deadline first; those without one
//                 as they came, agent by agent; urgent ones before ordinary ones
//   lane          urgent and ordinary batches are called what they are; only urgent work is inside;
//                 with the lanes off nothing is urgent
//   urgent        nothing urgent waits while a device has nothing to do, or in a launched batch's
//                 place
//   conservation  nothing ordinary waits for company beside an idle device for longer than a bound
//   starvation    tasks without a deadline are passed by others only for so long
//   counters      queued() and launched() agree with the trace
//   wakeup        next_wakeup() lies ahead, or something happens there
//   promises      where nothing is uncertain, few accepted tasks come too late
//   liveness      when arrivals stop and faults are over, everything drains
//   determinism   the same seed leaves the same trace (judge.hpp)
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "sim/observer.hpp"
#include "tests/sim/books.hpp"
#include "tests/sim/draw.hpp"

namespace troupe::sim {

struct Violation {
  std::string checker;
  std::string what;
  Instant at;
};

// How often a run came by the places where rules bite.
using Coverage = std::map<std::string, std::uint64_t>;

class Checker final : public Observer {
 public:
  explicit Checker(const Configuration& configuration);

  // Throws Violation.
  void see(const Step& step) override;
  // The world has nothing left to do, or was cut off.
  void see_end(bool cut_off);

  [[nodiscard]] const Coverage& coverage() const { return coverage_; }

 private:
  [[noreturn]] void fail(const std::string& checker, const std::string& what) const;
  void expect(bool holds, const char* checker, const char* what) const {
    if (!holds) fail(checker, what);
  }
  void expect(bool holds, const char* checker, TaskId task, const char* what) const;

  // checker.cpp
  void on_event(const scheduler::Event& event);
  void on_submitted(const scheduler::TaskRecord& task);
  void on_refuse(const scheduler::Refuse& refuse);
  void on_queue_full(const scheduler::Refuse& refuse, const TaskView& view) const;
  void on_infeasible(const scheduler::Refuse& refuse, const TaskView& view) const;
  void expect_all_refused() const;
  [[nodiscard]] bool may_be(const TaskView& view, Lane lane) const;
  [[nodiscard]] std::optional<Lane> surely(const scheduler::TaskRecord& task) const;
  [[nodiscard]] std::size_t limit_of(Lane lane) const;
  [[nodiscard]] std::size_t waits_at_least(Lane lane) const;
  [[nodiscard]] std::size_t waits_at_most(Lane lane) const;

  // launches.cpp
  void on_launch(const scheduler::Launch& launch);
  void check_shape(const scheduler::Launch& launch);
  void check_lane(const scheduler::Launch& launch) const;
  void check_order(const scheduler::Launch& launch) const;
  void check_settled(const Step& step);
  void check_waiting(Instant until, bool settled) const;
  void share(const std::vector<TaskView>& tasks, Duration busy);
  void check_shares();

  Configuration drawn_;
  bool exact_ = false;  // nothing is uncertain: costs are as told, nothing goes wrong
  bool plain_ = false;  // all want the same, without a wish or a deadline
  bool calm_ = false;   // no urgent work and no bursts come between promises and their keeping
  Duration full_{};     // the dearest full batch, as the scheduler may have come to see it
  std::uint64_t units_full_ = 0;
  std::uint64_t units_of_task_ = 1;  // at most
  std::size_t tasks_max_ = 1;
  Books books_;
  std::map<TaskId, ErrorCode> must_refuse_;  // within the step at hand
  std::optional<TaskId> submitted_;          // in the step at hand
  std::set<TenantId> tenants_seen_;
  std::set<BatchId> batches_;                                 // all that were ever launched
  std::map<std::pair<TenantId, TenantId>, double> ahead_ns_;  // since both have wanted more
  std::uint64_t promised_ = 0;
  std::uint64_t broken_ = 0;
  bool overdue_wakeup_ = false;
  Coverage coverage_;
  Instant now_{};           // the latest that the policy was told
  bool clock_odd_ = false;  // it went back, or jumped on, since the step before
  bool behind_ = false;
};

}  // namespace troupe::sim
