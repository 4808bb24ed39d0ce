// The ladder: the cheapest way to run urgent work that still meets its deadline.
//
//   idle        a worker that has nothing to do takes it at once
//   ride        at the head of the next batch of its kind
//   inside      into the running batch at its next tile boundary, alone
//   alone       as the next batch, where the running one cannot be entered
//   reserved    inside or alone on the reserved share, when riding would be too late
//   refuse      admission.cpp: the deadline cannot be met
//
// Inside and alone cost a whole batch's fixed cost and are taken while there is headroom for it
// (headroom.hpp). Ordinary tasks climb the same ladder when they would be late in turn.
#include <algorithm>

#include "scheduler/state.hpp"

namespace troupe::scheduler {
namespace {

// By how much a batch of urgent tasks may let ordinary ones end later than they would in turn: a
// task that came just after a batch has started ends with the next one, two batches later at most.
constexpr double batches_later_max = 2.4;

}  // namespace

void Scheduler::State::settle_urgent(Instant now, Actions& out) {
  const auto before = [this](const KindState& a, const KindState& b) {
    const TaskEntry& x = store[a.queue.first_urgent()];
    const TaskEntry& y = store[b.queue.first_urgent()];
    return x.task.deadline != y.task.deadline ? x.task.deadline < y.task.deadline
                                              : x.sequence < y.sequence;
  };
  // Kinds by their first deadlines; one for which nothing can be done now stands back.
  for (const auto& kind : kinds) kind->stands_back = false;
  while (urgent_waiting > 0) {
    KindState* first = nullptr;
    for (const auto& kind : kinds)
      if (kind->queue.urgent_tasks() > 0 && !kind->stands_back &&
          (first == nullptr || before(*kind, *first)))
        first = kind.get();
    if (first == nullptr) return;
    first->stands_back = !launch_urgent(now, *first, out);
  }
}

Scheduler::State::Choices Scheduler::State::choices(Instant now, KindState& kind,
                                                    const TaskRecord& task) {
  Choices found;
  Instant open_ends = never;
  Instant entered_ends = never;
  Instant ride_ends = never;
  const std::uint64_t ride_units =
      std::min<std::uint64_t>(kind.queue.units() + kind.queue.urgent_units(), kind.units_best);
  for (Worker& worker : workers.workers()) {
    if (worker.slots == 0) continue;
    const CostModel& cost = worker.cost(task.kind);
    const Instant ends = later(worker.free_at(now), cost.predict(task.units));
    if (worker.opens() <= now && ends < open_ends) found.open = &worker, open_ends = ends;
    ride_ends = std::min(ride_ends, later(worker.free_at(now), cost.upper(ride_units)));
    if (!worker.enterable() || worker.idle() || worker.inside.size() >= worker.urgent_slots)
      continue;
    const Instant ends_inside = later(worker.enters_at(now), cost.predict(task.units));
    if (ends_inside < entered_ends) found.entered = &worker, entered_ends = ends_inside;
  }
  // With two thirds of its time to spare: predictions are no promises, and this one was told a
  // deadline.
  found.ride_in_time = task.deadline != never && ride_ends - now <= (task.deadline - now) / 3;
  return found;
}

// Whether some of the kind's urgent tasks were launched.
bool Scheduler::State::launch_urgent(Instant now, KindState& kind, Actions& out) {
  const TaskRecord& task = store[kind.queue.first_urgent()].task;
  const Choices found = choices(now, kind, task);
  const bool headroom_left = headroom.alone(now, devices());
  const bool must_not_ride = task.deadline != never && !found.ride_in_time;
  const auto by_itself = [&] {
    if (found.ride_in_time) return false;
    return headroom_left ||
           (must_not_ride && headroom.draw(now, devices(), kind.wasted_alone_ns()));
  };
  const bool idle = found.open != nullptr && found.open->idle() && found.open->inside.empty();

  Worker* worker = found.open;
  Entry entry = Entry::in_turn;
  std::size_t others_max = tasks_max();  // ordinary tasks that go along
  if (idle) {
    if (headroom_left) others_max = companions(now, kind, *worker);
  } else if (found.entered != nullptr && by_itself()) {
    worker = found.entered;
    entry = Entry::inside;
    others_max = 0;
  } else if (worker == nullptr) {
    return false;
  } else if (by_itself()) {
    others_max = companions(now, kind, *worker);
  }

  std::vector<Slot> batch;
  std::uint64_t units = 0;
  // Urgent tasks that wait together go together: alone means without ordinary ones.
  kind.queue.take_urgent(store, tenants, tasks_max(), kind.units_best, batch, units);
  const std::size_t urgent = batch.size();
  if (others_max > 0 && kind.queue.tasks() > 0)
    kind.queue.take(now, store, tenants, std::min(tasks_max(), urgent + others_max),
                    kind.units_best, batch, units);
  const LaunchReason reason = !options.batching       ? LaunchReason::unbatched
                              : batch.size() > urgent ? LaunchReason::ride
                                                      : LaunchReason::urgent;
  launch(now, *worker, kind, std::move(batch), units, entry, reason, out);
  return true;
}

// How many ordinary tasks must go along although urgent ones may go by themselves: those that have
// waited longest, so that the rest still ends within batches_later_max batches of its coming. How
// long each has waited follows from how they come.
std::size_t Scheduler::State::companions(Instant now, KindState& kind, Worker& worker) {
  const std::size_t waiting = kind.queue.tasks();
  const double rate = kind.arrivals.per_ns(now);
  if (waiting == 0 || rate <= 0) return waiting;
  const CostModel& cost = worker.cost(kind.queue.kind());
  const auto batch_ns = [&](double tasks) {
    const auto units = static_cast<std::uint64_t>(tasks * kind.units_per_task + 0.5);
    return static_cast<double>(cost.predict(units).count());
  };
  const double limit_ns = kind.cycle_ns * batches_later_max;
  const auto urgent = static_cast<double>(kind.queue.urgent_tasks());
  // By halving: the more go along, the sooner the last of the rest ends.
  std::size_t few = 0;
  std::size_t many = waiting;
  while (few < many) {
    const std::size_t along = few + (many - few) / 2;
    const double left = static_cast<double>(waiting - along);
    const double first_ns = batch_ns(static_cast<double>(along) + urgent);
    const double second_ns = batch_ns(left + rate * first_ns);
    if (left / rate + first_ns + second_ns <= limit_ns)
      many = along;
    else
      few = along + 1;
  }
  return few;
}

// Ordinary tasks that no worker could take in turn in time, but one could inside.
void Scheduler::State::escalate(Instant now) {
  if (!options.lanes || !workers.any_enterable()) return;
  for (const auto& kind : kinds) {
    while (kind->queue.has_deadlines()) {
      const Slot slot = kind->queue.first_by_deadline();
      const TaskRecord& task = store[slot].task;
      if (task.lane == Lane::ordinary || soonest_end(now, task, Lane::ordinary) <= task.deadline ||
          soonest_end(now, task, Lane::urgent) > task.deadline)
        break;
      make_urgent(now, *kind, slot, task.deadline);
    }
  }
}

}  // namespace troupe::scheduler
