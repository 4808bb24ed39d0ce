// Which batch goes to which worker, and when.
//
// A worker that can take a batch is given one as soon as, for some kind,
//   full      no further task fits, or
//   pressing  with one more task the batch would end at or after the earliest deadline in it, or
//   enough    waiting for more would cost those here more than it would save.
//
// Enough: the fixed cost a of a batch is paid once however many share it. While q tasks wait and
// more come at rate l, waiting a moment longer costs q and saves, for each that comes, about the
// time until the batch after this one: so a batch should go when q >= l * a, at once when the load
// is low and full when it is high (the control limit of Deb and Serfozo 1973, "beta-lambda" of
// Symphony 2023), with nothing to tune. Two things are known about l beyond its mean: when nothing
// has come for a while, little will, so that nobody waits for arrivals that have stopped; and where
// agents come back with their next task, these are expected at once (returns.hpp).
#include <algorithm>
#include <tuple>

#include "scheduler/state.hpp"

namespace troupe::scheduler {
namespace {

// No worker stays idle for longer than this while tasks wait for company.
constexpr Duration idle_max = std::chrono::milliseconds(1);
// How long tasks without a deadline may be passed by kinds that have one, in full batches.
constexpr int patience_batches = 64;

Duration as_duration(double ns) noexcept {
  constexpr double longest_ns = 1e15;
  return Duration{static_cast<Duration::rep>(std::min(ns, longest_ns))};
}

}  // namespace

Scheduler::State::Due Scheduler::State::due(Instant now, KindState& kind, Worker& worker) {
  const KindQueue& queue = kind.queue;
  const CostModel& cost = worker.cost(queue.kind());
  const std::uint64_t units = std::min(queue.units(), kind.units_best);
  const Instant deadline = queue.first_deadline(store);
  Due answer;
  answer.rank = deadline == never ? never : deadline - cost.upper(units);
  if (queue.patient_since() != never)
    answer.rank = std::min(answer.rank, later(queue.patient_since(), kind.full * patience_batches));
  if (queue.tasks() >= tasks_max() || queue.units() >= kind.units_best) {
    answer.at = Instant::min();
    answer.reason = options.batching ? LaunchReason::full : LaunchReason::unbatched;
    return answer;
  }
  if (deadline != never) {
    const auto one_more = static_cast<std::uint64_t>(kind.units_per_task + 0.5);
    answer.at = deadline - cost.upper(units + one_more);
    answer.reason = LaunchReason::pressing;
    if (answer.at <= now) return answer;
  }
  const Instant enough = waited_enough(now, kind, worker);
  if (enough < answer.at) {
    answer.at = enough;
    answer.reason = LaunchReason::enough;
  }
  return answer;
}

// From when on nothing is worth waiting for.
Instant Scheduler::State::waited_enough(Instant now, const KindState& kind, Worker& worker) {
  if (kind.queue.has_deadlines() && is_busy(now)) {
    // Full batches only, or what must go, with a batch's time to spare in case others must go, too.
    return std::min(later(kind.waiting_since, kind.full * overload_batches),
                    kind.queue.first_deadline(store) - 2 * kind.full);
  }
  // While the worker is busy, those who will come back have not been answered yet.
  if (!worker.idle() && kind.returns.come_back()) return never;
  const CostModel& cost = worker.cost(kind.queue.kind());
  const double waiting = static_cast<double>(kind.queue.tasks());
  const Returns::Expected back = kind.returns.expected(now);
  Instant enough = now;
  if (back.tasks > 0) {
    // Each of them saves the time of a batch; those here lose the wait.
    const double batch_ns = static_cast<double>(cost.predict(kind.queue.units()).count());
    const double wait_ns = static_cast<double>((back.until - now).count());
    if (back.tasks * batch_ns > waiting * wait_ns) enough = back.until;
  }
  const double rate = kind.arrivals.per_ns(now);
  const double fixed_ns = static_cast<double>(std::max(cost.fixed(), Duration{0}).count());
  if (waiting < rate * fixed_ns) {
    // At the latest when the silence says that no more are coming as they did.
    const Instant silent = later(kind.arrivals.last(), as_duration(2 / rate));
    enough = std::max(enough, std::min(silent, later(kind.waiting_since, as_duration(fixed_ns))));
  }
  if (worker.idle())
    enough = std::min(enough, later(std::max(worker.free_since, kind.waiting_since), idle_max));
  return enough;
}

void Scheduler::State::settle_ordinary(Instant now, Actions& out) {
  while (ordinary_waiting > 0) {
    Worker* best_worker = nullptr;
    KindState* best_kind = nullptr;
    Due best;
    for (Worker& worker : workers.workers()) {
      if (worker.opens() > now) continue;
      for (const auto& kind : kinds) {
        if (kind->queue.tasks() == 0) continue;
        const Due this_one = due(now, *kind, worker);
        if (this_one.at > now) {
          next_due = std::min(next_due, this_one.at);
          continue;
        }
        // An idle worker before one that is still busy; then whose latest start comes first; then
        // the worker that needs less time for it.
        const auto rank = [&](const Worker& who, const Due& what, const KindState& of) {
          return std::tuple(!who.idle(), what.rank, of.queue.patient_since(), who.guess_per_unit,
                            who.guess_fixed);
        };
        if (best_worker == nullptr ||
            rank(worker, this_one, *kind) < rank(*best_worker, best, *best_kind)) {
          best_worker = &worker;
          best_kind = kind.get();
          best = this_one;
        }
      }
    }
    if (best_worker == nullptr) return;
    launch_ordinary(now, *best_kind, *best_worker, best.reason, out);
  }
}

// As many units as end before the earliest deadline, at least one.
std::uint64_t Scheduler::State::units_in_time(Instant now, KindState& kind, Worker& worker,
                                              std::uint64_t units) const {
  const Instant deadline = kind.queue.first_deadline(store);
  const CostModel& cost = worker.cost(kind.queue.kind());
  const Instant begins = worker.free_at(now);
  const auto in_time = [&](std::uint64_t some) {
    const Duration takes = cost.upper(some);
    return later(begins, takes) <= deadline &&
           (worker.enterable() || takes <= std::max(slack.limit(), kind.single));
  };
  if (in_time(units)) return units;
  std::uint64_t fits = 0;
  std::uint64_t over = units;
  while (over - fits > 1) {
    const std::uint64_t middle = fits + (over - fits) / 2;
    (in_time(middle) ? fits : over) = middle;
  }
  return std::max<std::uint64_t>(fits, 1);
}

// Tasks that a batch of that size would bring too late.
void Scheduler::State::drop_hopeless(Instant now, KindState& kind, Worker& worker,
                                     std::uint64_t units, Actions& out) {
  const Instant ends = later(worker.free_at(now), worker.cost(kind.queue.kind()).predict(units));
  while (kind.queue.has_deadlines() && kind.queue.first_deadline(store) < ends) {
    const Slot slot = kind.queue.first_by_deadline();
    const Instant deadline = store[slot].task.deadline;
    kind.queue.remove(store, tenants, slot);
    leave_queue(slot);
    out.emplace_back(
        Refuse{store[slot].task.id, ErrorCode::infeasible, ends - deadline, ends - now});
    store.forget(slot);
    promise_broken();
  }
}

// Launches a batch of that kind, unless all its tasks turn out to be hopeless.
void Scheduler::State::launch_ordinary(Instant now, KindState& kind, Worker& worker,
                                       LaunchReason reason, Actions& out) {
  if (kind.queue.has_deadlines())
    drop_hopeless(now, kind, worker, store[kind.queue.first_by_deadline()].task.units, out);
  if (kind.queue.tasks() == 0) return;
  const auto whole_of = [&] {
    const double most = static_cast<double>(tasks_max()) * kind.units_per_task;
    return std::min(
        {kind.queue.units(), kind.units_best, static_cast<std::uint64_t>(std::max(most, 1.0))});
  };
  std::uint64_t whole = whole_of();
  std::uint64_t units = units_in_time(now, kind, worker, whole);
  if (units < whole && is_overloaded(now) && kind.queue.has_deadlines()) {
    // A smaller batch for the first ones' sake costs places for others: are they worth as much?
    const double lost = static_cast<double>(whole - units) / kind.units_per_task;
    const double mean = kind.queue.weight() / static_cast<double>(kind.queue.tasks());
    if (static_cast<double>(store[kind.queue.first_by_deadline()].task.weight) < lost * mean) {
      drop_hopeless(now, kind, worker, whole, out);
      if (kind.queue.tasks() == 0) return;
      units = whole = whole_of();
    }
  }
  std::vector<Slot> batch;
  std::uint64_t batch_units = 0;
  if (kind.queue.urgent_tasks() > 0)
    kind.queue.take_urgent(store, tenants, tasks_max(), kind.units_best, batch, batch_units);
  if (!batch.empty()) reason = LaunchReason::ride;
  kind.queue.take(now, store, tenants, tasks_max(), std::max(units, batch_units), batch,
                  batch_units);
  launch(now, worker, kind, std::move(batch), batch_units, Entry::in_turn, reason, out);
}

}  // namespace troupe::scheduler
