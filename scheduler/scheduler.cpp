#include "scheduler/scheduler.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "scheduler/state.hpp"

namespace troupe::scheduler {
namespace {

// A batch whose fixed cost is so small a part of it gains nothing from growing.
constexpr double fixed_part_small = 0.025;
// What telling a device and hearing from it takes at least: a fixed cost of every batch.
constexpr Duration overhead = std::chrono::microseconds(10);

// Of the time it had, by when its batch ended.
double part_needed(const TaskEntry& entry, Instant ended) noexcept {
  const Duration had = entry.task.deadline - entry.arrived;
  return static_cast<double>((ended - entry.arrived).count()) / static_cast<double>(had.count());
}

}  // namespace

Scheduler::State::State(const SchedulerOptions& given) : options(given) {}

// A clock that steps back is taken for one that stands still.
Instant Scheduler::State::clamp(Instant now) noexcept {
  latest = std::max(latest, now);
  return latest;
}

std::size_t Scheduler::State::tasks_max() const noexcept {
  return options.batching ? std::max(options.tasks_max, 1U) : 1U;
}
std::uint64_t Scheduler::State::units_max() const noexcept {
  return std::max(options.units_max, 1U);
}

double Scheduler::State::devices() const noexcept {
  return static_cast<double>(std::max<std::size_t>(workers.workers().size(), 1));
}

KindState& Scheduler::State::kind_of(const Kind& kind) {
  for (const auto& known : kinds)
    if (known->queue.kind() == kind) return *known;
  KindState& state = *kinds.emplace_back(std::make_unique<KindState>(kind));
  refresh_costs(state);
  return state;
}

// What batches cost now, by all workers; and how long to remember how tasks come.
void Scheduler::State::refresh_costs(KindState& kind) {
  kind.costs_stale = false;
  const double tasks = static_cast<double>(tasks_max());
  const auto units_full = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(tasks * kind.units_per_task), 1, units_max());
  const auto units_single = static_cast<std::uint64_t>(kind.units_per_task + 0.5);
  double rate = 0;
  double best = 0;
  kind.full = kind.single = Duration::max();
  for (Worker& worker : workers.workers()) {
    const CostModel& cost = worker.cost(kind.queue.kind());
    const Duration full = cost.predict(units_full);
    rate += static_cast<double>(units_full) / static_cast<double>(full.count());
    kind.full = std::min(kind.full, full);
    kind.single = std::min(kind.single, cost.predict(units_single));
    const Duration fixed = std::max(cost.fixed(), overhead);
    const Duration per_unit = std::max(cost.per_unit(), Duration{1});
    best = std::max(best, static_cast<double>(fixed.count()) /
                              static_cast<double>(per_unit.count()) / fixed_part_small);
  }
  if (rate == 0) {
    kind.full = kind.single = Duration{1};
    kind.work_per_unit_ns = 1;
    kind.units_best = units_max();
    return;
  }
  kind.units_best =
      static_cast<std::uint64_t>(std::clamp(best, 1.0, static_cast<double>(units_max())));
  if (kind.units_best < units_full) {
    kind.full = kind.single;
    for (Worker& worker : workers.workers())
      kind.full = std::max(kind.full, worker.cost(kind.queue.kind()).predict(kind.units_best));
  }
  kind.work_per_unit_ns = devices() / rate;
  using std::chrono::microseconds, std::chrono::milliseconds, std::chrono::seconds;
  kind.arrivals.remember(std::clamp<Duration>(kind.full * 30, milliseconds(5), seconds(5)));
  kind.returns.watch(std::clamp<Duration>(kind.single / 4, microseconds(20), milliseconds(1)));
  headroom.remember(std::clamp<Duration>(kind.full * 100, milliseconds(20), seconds(5)));
}

// --- events --------------------------------------------------------------------------------------

void Scheduler::State::on(Instant now, const TaskSubmitted& event, Actions& out) {
  const TaskRecord& task = event.task;
  if (store.find(task.id)) return;
  if (task.deadline <= now) {
    out.emplace_back(Refuse{task.id, ErrorCode::expired, {}, {}});
    return;
  }
  KindState& kind = kind_of(task.kind);
  // How large its tasks are is known before anything is computed from it.
  const double units = static_cast<double>(std::max(task.units, 1U));
  const double gain = std::max(0.02, 1.0 / static_cast<double>(++kind.tasks_seen));
  kind.units_per_task += gain * (units - kind.units_per_task);
  constexpr std::uint64_t tasks_few = 50;
  if (kind.costs_stale || kind.tasks_seen <= tasks_few) refresh_costs(kind);
  const std::uint32_t tenant = tenants.place_of(task.account.tenant);
  const Lane lane = lane_for(now, task, kind, tenant);
  if (lane == Lane::urgent) {
    headroom.urgent_came(now, kind.wasted_alone_ns());
  } else {
    kind.arrivals.add(now, 1);
    kind.returns.arrived(now);
    headroom.ordinary_came(now, units * kind.work_per_unit_ns);
  }
  if (auto refused = objection(now, task, kind, lane, tenant)) {
    out.emplace_back(*refused);
    return;
  }
  const Slot slot = store.add(now, task);
  TaskEntry& entry = store[slot];
  entry.tenant = tenant;
  entry.lane = lane;
  entry.work_ns = units * kind.work_per_unit_ns;
  wait(now, kind, slot);
}

void Scheduler::State::wait(Instant now, KindState& kind, Slot slot, bool back) {
  if (kind.queue.tasks() == 0) kind.waiting_since = now;
  kind.queue.push(now, store, tenants, slot, back);
  const TaskEntry& entry = store[slot];
  ++(entry.lane == Lane::urgent ? urgent_waiting : ordinary_waiting);
  (entry.lane == Lane::urgent ? urgent_work_ns : ordinary_work_ns) += entry.work_ns;
  if (entry.task.deadline == never) return;
  next_expiry = std::min(next_expiry, entry.task.deadline);
  if (entry.lane == Lane::ordinary) calendar.add(now, entry.task.deadline, entry.work_ns);
}

// The task has left its queue; it goes to a worker or has its outcome.
void Scheduler::State::leave_queue(Slot slot) {
  const TaskEntry& entry = store[slot];
  const bool urgent = entry.lane == Lane::urgent;
  std::size_t& waiting = urgent ? urgent_waiting : ordinary_waiting;
  double& work_ns = urgent ? urgent_work_ns : ordinary_work_ns;
  work_ns = --waiting == 0 ? 0 : std::max(work_ns - entry.work_ns, 0.0);
  if (entry.lane == Lane::ordinary && entry.task.deadline != never)
    calendar.remove(entry.task.deadline, entry.work_ns);
}

void Scheduler::State::refuse(Slot slot, ErrorCode reason, Actions& out) {
  out.emplace_back(Refuse{store[slot].task.id, reason, {}, {}});
  store.forget(slot);
}

void Scheduler::State::on(Instant, const TaskCanceled& event, Actions& out) {
  const auto slot = store.find(event.task);
  if (!slot) return;
  if (!store[*slot].waiting) {
    store[*slot].canceled = true;
    return;
  }
  KindState& kind = kind_of(store[*slot].task.kind);
  kind.queue.remove(store, tenants, *slot);
  leave_queue(*slot);
  refuse(*slot, ErrorCode::canceled, out);
}

void Scheduler::State::on(Instant now, const TaskRaised& event, Actions&) {
  const auto slot = store.find(event.task);
  if (!slot || !store[*slot].waiting || !options.lanes) return;
  // A deadline that has passed makes it urgent, not worthless.
  const Instant own = store[*slot].task.deadline;
  const Instant deadline = event.deadline > now ? std::min(own, event.deadline) : own;
  make_urgent(now, kind_of(store[*slot].task.kind), *slot, deadline);
}

void Scheduler::State::make_urgent(Instant now, KindState& kind, Slot slot, Instant deadline) {
  kind.queue.remove(store, tenants, slot);
  leave_queue(slot);
  TaskEntry& entry = store[slot];
  if (entry.lane == Lane::ordinary) headroom.urgent_came(now, kind.wasted_alone_ns());
  entry.lane = Lane::urgent;
  entry.task.deadline = deadline;
  wait(now, kind, slot);
}

void Scheduler::State::on(Instant now, const WorkerJoined& event, Actions&) {
  workers.join(now, event);
  for (const auto& kind : kinds) kind->costs_stale = true;
}

void Scheduler::State::on(Instant, const CostGuessed& event, Actions&) {
  workers.guess(event);
  for (const auto& kind : kinds) kind->costs_stale = true;
}

void Scheduler::State::on(Instant now, const WorkerLeft& event, Actions& out) {
  // The last first, so that of each agent the first is in front again.
  const std::vector<HeldBatch> held = workers.leave(event.worker);
  for (auto batch = held.rbegin(); batch != held.rend(); ++batch) {
    KindState& kind = kind_of(batch->kind);
    for (auto slot = batch->tasks.rbegin(); slot != batch->tasks.rend(); ++slot) {
      const TaskEntry& entry = store[*slot];
      tenants.charge(entry.tenant, -entry.work_ns);
      if (entry.canceled)
        refuse(*slot, ErrorCode::canceled, out);
      else if (entry.task.deadline <= now)
        refuse(*slot, ErrorCode::expired, out);
      else if (entry.launches >= options.attempts_max)
        refuse(*slot, ErrorCode::unreachable, out);
      else
        wait(now, kind, *slot, true);
    }
  }
  for (const auto& kind : kinds) kind->costs_stale = true;
}

void Scheduler::State::on(Instant, const OptionsChanged& event, Actions&) {
  options = event.options;
  for (const auto& kind : kinds) kind->costs_stale = true;
}

void Scheduler::State::on(Instant now, const BatchFinished& event, Actions&) {
  const auto batch = workers.finish(now, event);
  if (!batch) return;
  KindState& kind = kind_of(batch->kind);
  kind.costs_stale = true;
  if (batch->entry == Entry::in_turn) kind.returns.ended(now, batch->tasks.size());
  // What it took against what it was charged for, by each task's part.
  const double measured = static_cast<double>(event.busy.count());
  double charged = 0;
  for (const Slot slot : batch->tasks) charged += store[slot].work_ns;
  const double factor = measured > 0 && charged > 0 ? measured / charged - 1 : 0;
  for (const Slot slot : batch->tasks) {
    const TaskEntry& entry = store[slot];
    tenants.charge(entry.tenant, entry.work_ns * factor);
    if (entry.task.deadline != never) {
      entry.task.deadline < now ? promise_broken() : promise_kept();
      if (entry.lane == Lane::urgent)
        slack.observe(part_needed(entry, now), kind.single, kind.full);
    }
    store.forget(slot);
  }
}

// --- what follows --------------------------------------------------------------------------------

void Scheduler::State::expire(Instant now, Actions& out) {
  if (next_expiry > now) return;
  next_expiry = never;
  for (const auto& kind : kinds) {
    KindQueue& queue = kind->queue;
    while (queue.has_deadlines() && queue.first_deadline(store) <= now) {
      const Slot slot = queue.first_by_deadline();
      queue.remove(store, tenants, slot);
      leave_queue(slot);
      refuse(slot, ErrorCode::expired, out);
      promise_broken();
    }
    while (queue.urgent_tasks() > 0 && store[queue.first_urgent()].task.deadline <= now) {
      const Slot slot = queue.first_urgent();
      queue.remove(store, tenants, slot);
      leave_queue(slot);
      refuse(slot, ErrorCode::expired, out);
      promise_broken();
    }
    next_expiry = std::min(next_expiry, queue.first_deadline(store));
    if (queue.urgent_tasks() > 0)
      next_expiry = std::min(next_expiry, store[queue.first_urgent()].task.deadline);
  }
}

void Scheduler::State::settle(Instant now, Actions& out) {
  next_due = never;
  if (ordinary_waiting > 0) escalate(now);
  if (urgent_waiting > 0) settle_urgent(now, out);
  if (ordinary_waiting > 0) settle_ordinary(now, out);
  if (urgent_waiting + ordinary_waiting > 0)
    for (const Worker& worker : workers.workers())
      if (const Instant opens = worker.opens(); opens > now) next_due = std::min(next_due, opens);
}

void Scheduler::State::launch(Instant now, Worker& worker, KindState& kind, std::vector<Slot> tasks,
                              std::uint64_t units, Entry entry, LaunchReason reason, Actions& out) {
  Launch decision;
  decision.worker = worker.id;
  decision.batch = BatchId{++batches};
  decision.kind = kind.queue.kind();
  decision.entry = entry;
  decision.reason = reason;
  decision.predicted = worker.cost(decision.kind).predict(units);
  decision.worker_free = worker.idle() ? worker.free_since : now;
  decision.tasks.reserve(tasks.size());
  for (const Slot slot : tasks) {
    TaskEntry& task = store[slot];
    ++task.launches;
    if (task.lane == Lane::urgent) decision.lane = Lane::urgent;
    decision.tasks.push_back(task.task.id);
    leave_queue(slot);
  }
  if (entry == Entry::in_turn) {
    const auto takes_ns = static_cast<double>(decision.predicted.count());
    kind.cycle_ns += 0.05 * (takes_ns - kind.cycle_ns);
    kind.waiting_since = now;
  }
  HeldBatch held;
  held.id = decision.batch;
  held.kind = decision.kind;
  held.tasks = std::move(tasks);
  held.units = units;
  held.entry = entry;
  held.predicted = decision.predicted;
  workers.launch(now, worker, std::move(held));
  out.emplace_back(std::move(decision));
}

// --- the surface ---------------------------------------------------------------------------------

Scheduler::Scheduler(const SchedulerOptions& options) : state_(std::make_unique<State>(options)) {}
Scheduler::~Scheduler() = default;

void Scheduler::handle(Instant now, const Event& event, Actions& out) {
  State& state = *state_;
  now = state.clamp(now);
  // A duplicate of a task that is about to expire must not be taken for a new one.
  const auto* submitted = std::get_if<TaskSubmitted>(&event);
  const bool duplicate = submitted != nullptr && state.store.find(submitted->task.id);
  state.expire(now, out);
  if (!duplicate) std::visit([&](const auto& what) { state.on(now, what, out); }, event);
  state.settle(now, out);
}

void Scheduler::advance(Instant now, Actions& out) {
  now = state_->clamp(now);
  state_->expire(now, out);
  state_->settle(now, out);
}

std::optional<Instant> Scheduler::next_wakeup() const {
  const Instant next = std::min(state_->next_expiry, state_->next_due);
  if (next == never) return std::nullopt;
  return next;
}

std::size_t Scheduler::queued() const noexcept {
  return state_->urgent_waiting + state_->ordinary_waiting;
}
// Urgent work waits for urgent work and, where no running batch can be entered, for the first
// worker; ordinary work for all that waits.
NodeLoad Scheduler::load(Instant now) const {
  const State& state = *state_;
  now = std::max(now, state.latest);
  Instant free = never;
  Instant entered = never;
  double devices = 0;
  for (const Worker& worker : state.workers.workers()) {
    if (worker.slots == 0) continue;
    ++devices;
    free = std::min(free, worker.free_at(now));
    entered = std::min(entered, worker.enterable() ? worker.enters_at(now) : worker.free_at(now));
  }
  if (devices == 0) return {Duration::max(), Duration::max()};
  constexpr double longest_ns = 3.6e12;
  const auto work = [&](double work_ns) {
    return Duration(static_cast<std::int64_t>(std::min(work_ns / devices, longest_ns)));
  };
  return {free - now + work(state.ordinary_work_ns + state.urgent_work_ns),
          entered - now + work(state.urgent_work_ns)};
}

std::size_t Scheduler::launched() const noexcept {
  return state_->store.size() - queued();
}

}  // namespace troupe::scheduler
