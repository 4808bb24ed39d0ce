// Judging launches, and what still waits after a step.
#include <algorithm>
#include <cmath>
#include <variant>

#include "tests/sim/checker.hpp"

namespace troupe::sim {

using scheduler::Launch;

namespace {

// How long ordinary tasks may wait beside an idle device: for company, when no deadline says that
// there is too much to do; and in full batches, when one may.
constexpr Duration company_max = std::chrono::milliseconds(1);
constexpr int overload_batches = 4;
// By how many full batches for each device one tenant may be ahead of another.
constexpr double shares_batches = 6;
// How long tasks without a deadline may be passed by others, in full batches.
constexpr int passed_batches = 160;
// And by their own tenant's tasks of the same kind, in tasks of the largest size and a batch.
constexpr std::uint64_t passed_tasks = 24;

}  // namespace

void Checker::on_launch(const Launch& launch) {
  const WorkerView* worker = books_.worker(launch.worker);
  expect(worker != nullptr, "capacity", "a batch went to a worker that is not here");
  expect(worker->slots > 0, "capacity", "a batch went to a worker that takes none");
  if (launch.entry == Entry::in_turn) {
    expect(worker->holds(Entry::in_turn) < worker->slots, "capacity",
           "a worker got more batches than it has slots");
  } else {
    expect(worker->tile > Duration::zero(), "capacity", "a device was entered that cannot be");
    expect(worker->holds(Entry::inside) < worker->urgent_slots, "capacity",
           "a device was entered by too many");
    ++coverage_["inside"];
  }
  check_shape(launch);
  check_lane(launch);
  check_order(launch);
  ++coverage_[std::string(name(launch.reason))];
  if (launch.entry == Entry::in_turn && !worker->held.empty()) ++coverage_["into a spare slot"];
  for (const TaskId id : launch.tasks) {
    const TaskView& view = *books_.task(id);
    if (view.launches == 0 && !view.patient()) ++promised_;
  }
  books_.launched(now_, launch);
}

void Checker::check_shape(const Launch& launch) {
  expect(batches_.insert(launch.batch).second, "shape", "a batch number was used twice");
  expect(!launch.tasks.empty(), "shape", "an empty batch");
  expect(std::set(launch.tasks.begin(), launch.tasks.end()).size() == launch.tasks.size(), "shape",
         "a task is in a batch twice");
  expect(launch.predicted > Duration::zero(), "shape", "a batch that should take no time");
  expect(launch.worker_free <= now_, "shape", "a worker that will be free, not is");
  std::uint64_t units = 0;
  for (const TaskId id : launch.tasks) {
    const TaskView* view = books_.task(id);
    expect(view != nullptr && view->waiting, "outcome", id, "was launched, not waiting");
    const auto doomed = must_refuse_.find(id);
    if (doomed != must_refuse_.end()) expect_all_refused();
    expect(view->task.kind == launch.kind, "shape", "a batch of two kinds");
    expect(view->launches == 0 || view->launches < drawn_.scheduler.attempts_max, "attempts", id,
           "was launched too often");
    units += view->task.units;
  }
  expect(launch.tasks.size() <= tasks_max_, "shape", "more than tasks_max tasks");
  expect(launch.tasks.size() == 1 || units <= drawn_.scheduler.units_max, "shape",
         "more than units_max units");
}

void Checker::check_lane(const Launch& launch) const {
  bool sure = true;
  bool urgent = false;
  for (const TaskId id : launch.tasks) {
    const TaskView& view = *books_.task(id);
    sure = sure && view.surely;
    urgent = urgent || view.surely == Lane::urgent;
    if (launch.entry == Entry::inside)
      expect(view.surely != Lane::ordinary, "lane", id, "is ordinary and went inside");
  }
  const bool called_urgent = launch.lane == Lane::urgent;
  expect(!urgent || called_urgent, "lane", "a batch with urgent tasks is called ordinary");
  expect(urgent || !sure || !called_urgent, "lane", "a batch of ordinary tasks is called urgent");
  expect(drawn_.scheduler.lanes || !called_urgent, "lane", "the lanes are off");
}

void Checker::check_order(const Launch& launch) const {
  const KindView& kind = books_.kinds().at(launch.kind);
  const std::set<TaskId> batch(launch.tasks.begin(), launch.tasks.end());
  const auto passes = [&](const std::set<Rank>& waiting, const TaskView& view) {
    for (const Rank& rank : waiting) {
      if (rank >= view.rank()) return false;
      if (!batch.contains(rank.id)) return true;
    }
    return false;
  };
  // Those that are due at the same time take turns by tenant.
  const auto passes_urgent = [&](const TaskView& view) {
    for (const Rank& rank : kind.urgent) {
      if (rank >= view.rank()) return false;
      const bool comparable = rank.deadline != view.task.deadline ||
                              books_.task(rank.id)->task.account.tenant == view.task.account.tenant;
      if (comparable && !batch.contains(rank.id)) return true;
    }
    return false;
  };
  for (const TaskId id : launch.tasks) {
    const TaskView& view = *books_.task(id);
    if (view.surely == Lane::urgent && view.has_order)
      expect(!passes_urgent(view), "order", id, "passed a more urgent one");
    const bool ordinary = view.surely == Lane::ordinary || launch.lane == Lane::ordinary;
    if (!ordinary) continue;
    if (!view.patient()) {
      const auto own = kind.hurried.find(view.task.account.tenant);
      if (own != kind.hurried.end())
        expect(!passes(own->second, view), "order", id, "passed one of an earlier deadline");
      continue;
    }
    const auto queue = kind.patient.find(view.task.account);
    if (queue == kind.patient.end()) continue;
    const auto before = std::ranges::count_if(launch.tasks, [&](TaskId other) {
      const TaskView& with = *books_.task(other);
      return with.patient() && with.task.account == view.task.account && with.order < view.order;
    });
    const auto waiting =
        std::distance(queue->second.begin(), queue->second.lower_bound(view.order));
    expect(waiting <= before, "order", id, "passed one of its agent that came before it");
  }
}

// --- after a step --------------------------------------------------------------------------------

void Checker::check_settled(const Step& step) {
  expect_all_refused();
  expect(step.queued == books_.waiting(), "counters", "queued() is not who waits");
  expect(step.launched == books_.on_workers(), "counters", "launched() is not who is on workers");
  check_waiting(now_, true);
  check_shares();
  const bool overdue = step.wakeup && *step.wakeup <= now_;
  if (overdue && overdue_wakeup_ && step.event == nullptr)
    expect(!step.actions.empty() || behind_, "wakeup", "it wants to be woken, but does nothing");
  overdue_wakeup_ = overdue;
}

// Who waits although a device has nothing to do. Before a step: by its time (`until`); after it: by
// now, and nobody may be left waiting for a wakeup that has come.
void Checker::check_waiting(Instant until, bool settled) const {
  Instant idle_since = never;
  for (const auto& [id, worker] : books_.workers())
    if (worker.idle()) idle_since = std::min(idle_since, worker.idle_since);
  for (const auto& [name, kind] : books_.kinds()) {
    if (kind.waiting == 0) continue;
    if (idle_since != never) {
      expect(kind.urgent.empty() || !settled, "urgent", "urgent work waits beside an idle device");
      const Instant begins = std::max({idle_since, kind.last_launch, *kind.since.begin()});
      Duration bound = company_max;
      if (kind.with_deadline > 0) bound = std::max(bound, full_ * overload_batches);
      const Instant due = later(begins, bound);
      expect(settled ? due > until : due >= until, "conservation",
             "tasks wait for company beside an idle device");
    }
    if (exact_)
      for (const auto& [tenant, units] : kind.passed_units)
        expect(units <= passed_tasks * units_of_task_ + units_full_, "starvation",
               "a tenant's own hurried tasks pass those without a deadline");
    if (exact_ && kind.patient_passed_since != never && !books_.workers().empty())
      expect(until - kind.patient_passed_since <=
                 full_ * passed_batches + std::chrono::milliseconds(20),
             "starvation", "tasks without a deadline have been passed for too long");
  }
}

// --- shares --------------------------------------------------------------------------------------

// A batch's time, divided by its tasks' units: who was given how much while both wanted more.
void Checker::share(const std::vector<TaskView>& tasks, Duration busy) {
  if (!plain_) return;
  double units = 0;
  for (const TaskView& view : tasks) units += view.task.units;
  for (const TaskView& view : tasks) {
    const double part = static_cast<double>(busy.count()) * view.task.units / units;
    const TenantId tenant = view.task.account.tenant;
    for (auto& [pair, ahead_ns] : ahead_ns_) {
      if (pair.first == tenant) ahead_ns += part;
      if (pair.second == tenant) ahead_ns -= part;
    }
  }
}

void Checker::check_shares() {
  if (!plain_ || !exact_) return;
  const auto& waiting = books_.waiting_by_tenant();
  std::erase_if(ahead_ns_, [&](const auto& entry) {
    return !waiting.contains(entry.first.first) || !waiting.contains(entry.first.second);
  });
  for (auto first = waiting.begin(); first != waiting.end(); ++first)
    for (auto second = std::next(first); second != waiting.end(); ++second)
      ahead_ns_.try_emplace({first->first, second->first}, 0.0);
  const double bound = shares_batches * static_cast<double>(full_.count()) *
                       static_cast<double>(drawn_.world.devices.size());
  for (const auto& [pair, ahead_ns] : ahead_ns_)
    expect(std::abs(ahead_ns) <= bound, "fairshare", "one tenant got more than another");
}

}  // namespace troupe::sim
