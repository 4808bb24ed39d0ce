// Whether a task is taken, and into which lane.
#include <algorithm>

#include "scheduler/state.hpp"

namespace troupe::scheduler {
namespace {

// Asking again sooner is never useful, however short the costs.
constexpr Duration retry_after_min = std::chrono::milliseconds(1);
// Nothing is known about when a place will be free: there is no worker.
constexpr Duration retry_after_unknown = std::chrono::seconds(1);

// A tenant is ahead of its share when it had so many full batches more than whoever goes next.
constexpr double batches_ahead_max = 4;

// How far the calendar's test is moved, in full batches: from so much too lenient, because batches
// of other kinds often do not stand in the way, to so much too strict.
constexpr double lenience = 2;
constexpr double caution_max = 8;
// What one broken promise adds. When not everybody can be served, one in a thousand may be broken,
// so that a kept one takes back a 999th; else one in 300, because refusing more would miss more.
constexpr double caution_step = 0.05;

}  // namespace

// The lane it asks for, else by laxity: urgent if it would come too late in turn but not inside a
// running batch. A tenant that has had more than its share, while others want theirs, cannot pass
// them by calling everything urgent.
Lane Scheduler::State::lane_for(Instant now, const TaskRecord& task, KindState& kind,
                                std::uint32_t tenant) {
  if (!options.lanes || task.lane == Lane::ordinary) return Lane::ordinary;
  if (!task.lane) {
    const bool lax = task.deadline == never ||
                     soonest_end(now, task, Lane::ordinary) <= task.deadline ||
                     soonest_end(now, task, Lane::urgent) > task.deadline;
    if (lax) return Lane::ordinary;
  }
  const bool others = tenants.active() > (tenants.waiting(tenant) > 0 ? 1U : 0U);
  if (!others) return Lane::urgent;
  const double allowed_ns = batches_ahead_max * static_cast<double>(kind.full.count());
  return tenants.lead_ns(tenant) > allowed_ns ? Lane::ordinary : Lane::urgent;
}

// If it ran alone, on the worker that could end it first; `never` without workers.
Instant Scheduler::State::soonest_end(Instant now, const TaskRecord& task, Lane lane) {
  Instant soonest = never;
  for (Worker& worker : workers.workers()) {
    if (worker.slots == 0) continue;
    Instant begins = worker.free_at(now);
    if (lane == Lane::urgent && worker.enterable()) begins = worker.enters_at(now);
    soonest = std::min(soonest, later(begins, worker.cost(task.kind).upper(task.units)));
  }
  return soonest;
}

// Nothing if the task is taken.
std::optional<Refuse> Scheduler::State::objection(Instant now, const TaskRecord& task,
                                                  KindState& kind, Lane lane,
                                                  std::uint32_t tenant) {
  const bool urgent = lane == Lane::urgent;
  const std::size_t limit =
      urgent ? options.urgent_queue_tasks_max : options.ordinary_queue_tasks_max;
  const std::size_t waiting = urgent ? urgent_waiting : ordinary_waiting;
  // The last eighth is kept for those who have less than their share of the places, once there is
  // more than one tenant.
  const std::size_t own_max = limit / (tenants.active() + 1);
  const bool crowded =
      tenants.known() > 1 && waiting >= limit - limit / 8 && tenants.waiting(tenant) >= own_max;
  if (waiting >= limit || crowded)
    return Refuse{task.id, ErrorCode::queue_full, place_free_in(now), {}};
  if (task.deadline == never) return std::nullopt;
  const Duration lack = lacking(now, task, kind, lane);
  if (lack <= Duration::zero()) return std::nullopt;
  return Refuse{task.id, ErrorCode::infeasible, std::max(lack, retry_after_min),
                task.deadline - now + lack};
}

// How much later its deadline would have to be; zero if it can be met.
Duration Scheduler::State::lacking(Instant now, const TaskRecord& task, KindState& kind,
                                   Lane lane) {
  const Instant soonest = soonest_end(now, task, lane);
  if (soonest == never) return Duration::zero();
  if (soonest > task.deadline) return soonest - task.deadline;
  if (lane == Lane::urgent) return Duration::zero();

  if (ordinary_waiting > 0 && is_overloaded(now)) {
    const Duration lacks = full_batch_end(now, kind) - task.deadline;
    if (lacks > Duration::zero()) return lacks;
  }
  // With everybody to whom as much was promised.
  Calendar::Ask ask;
  ask.now = now;
  ask.deadline = task.deadline;
  ask.work_ns = static_cast<double>(std::max(task.units, 1U)) * kind.work_per_unit_ns;
  for (const Worker& worker : workers.workers())
    if (worker.slots > 0) ask.ahead_ns += static_cast<double>((worker.free_at(now) - now).count());
  ask.ahead_ns += urgent_work_ns;
  ask.devices = devices();
  ask.slack_ns = static_cast<double>(kind.full.count()) * (caution - lenience);
  return calendar.lacking(ask);
}

// Nearly as much is asked for as full batches could do: small ones are no longer affordable.
bool Scheduler::State::is_busy(Instant now) noexcept {
  const double load = headroom.load(now, devices());
  if (load > 0.8) busy = true;
  if (load < 0.7) busy = false;
  return busy;
}

// More is asked for than full batches could do, or hardly less: not everybody can be served.
bool Scheduler::State::is_overloaded(Instant now) noexcept {
  const double load = headroom.load(now, devices());
  if (load > 0.95) overload = true;
  if (load < 0.85) overload = false;
  return overload;
}

// When the batch that is filling up should end, if it is not launched before it is full but for the
// deadlines in it.
Instant Scheduler::State::full_batch_end(Instant now, const KindState& kind) {
  const double load = std::max(headroom.load(now, devices()), 1.0);
  const double rate = kind.arrivals.per_ns(now) / load;
  const double missing =
      static_cast<double>(tasks_max()) - static_cast<double>(kind.queue.tasks() % tasks_max());
  // It does not wait for longer than that, full or not.
  const Duration patience = kind.full * overload_batches;
  const double fills_ns = rate * static_cast<double>(patience.count()) > missing
                              ? missing / rate
                              : static_cast<double>(patience.count());
  Instant ends = later(now, Duration{static_cast<Duration::rep>(fills_ns)} + kind.full);
  if (kind.queue.has_deadlines()) ends = std::min(ends, kind.queue.first_deadline(store));
  return std::max(ends, later(now, kind.full));
}

Duration Scheduler::State::place_free_in(Instant now) const noexcept {
  Instant place = never;
  for (const Worker& worker : workers.workers())
    if (worker.slots > 0)
      place = std::min(place, worker.idle() ? now : worker.in_turn.front().ends);
  if (place == never) return retry_after_unknown;
  return std::max(place - now, retry_after_min);
}

void Scheduler::State::promise_broken() noexcept {
  caution = std::min(caution + caution_step, caution_max);
}

void Scheduler::State::promise_kept() noexcept {
  const double kept_for_each_broken = overload ? 999 : 299;
  caution = std::max(caution - caution_step / kept_for_each_broken, 0.0);
}

}  // namespace troupe::scheduler
