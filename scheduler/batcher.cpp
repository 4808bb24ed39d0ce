#include "scheduler/batcher.hpp"

#include <algorithm>
#include <tuple>

#include "scheduler/lane_core.hpp"

namespace troupe::scheduler {
namespace {

LaneLimits limits_of(const BatcherOptions& options) {
  LaneLimits limits;
  limits.lane = Lane::ordinary;
  limits.tasks_max = options.enabled ? std::max(options.tasks_max, 1U) : 1U;
  limits.units_max = options.units_max;
  limits.queue_tasks_max = options.queue_tasks_max;
  limits.attempts_max = options.attempts_max;
  limits.launch_delay_max = std::max(options.delay_max, Duration::zero());
  return limits;
}

}  // namespace

struct Batcher::State {
  explicit State(const BatcherOptions& options)
      : eager_when_idle(options.eager_when_idle), core(limits_of(options)) {}

  [[nodiscard]] Worker* preferred() noexcept;
  [[nodiscard]] bool is_full(const KindQueue& queue) const noexcept;
  [[nodiscard]] Instant due(const KindQueue& queue, const Worker& worker) const noexcept;
  [[nodiscard]] KindQueue* first_due(Instant now, const Worker& worker) noexcept;
  void launch_due(Instant now, Actions& out);

  bool eager_when_idle;
  LaneCore core;
};

// With room and the fewest batches; of those the one that should be free first, then the cheapest.
Worker* Batcher::State::preferred() noexcept {
  const auto rank = [](const Worker& worker) {
    const Instant ends = worker.idle() ? Instant::min() : worker.held.back().ends;
    return std::tuple(worker.held.size(), ends, worker.cost(1), worker.id);
  };
  Worker* best = nullptr;
  for (Worker& worker : core.workers().workers())
    if (worker.has_room() && (best == nullptr || rank(worker) < rank(*best))) best = &worker;
  return best;
}

bool Batcher::State::is_full(const KindQueue& queue) const noexcept {
  return queue.tasks() >= core.limits().tasks_max || queue.units() >= core.limits().units_max;
}

// From when on the queue, which is not empty, may be launched on that worker if nothing changes.
Instant Batcher::State::due(const KindQueue& queue, const Worker& worker) const noexcept {
  if (is_full(queue) || (eager_when_idle && worker.idle())) return Instant::min();
  const Duration delay_max = core.limits().launch_delay_max;
  const Instant overdue = later(core.tasks()[queue.oldest()].arrived, delay_max);
  const Instant deadline = core.tasks()[queue.head()].task.deadline;
  const Duration cost_of_one_more = worker.cost(queue.units() + queue.units() / queue.tasks());
  const Instant pressing = deadline == never ? never : deadline - cost_of_one_more;
  const Instant wanted = std::min(overdue, pressing);
  if (worker.idle()) return wanted;
  return std::max(wanted, worker.held.back().ends - delay_max);
}

KindQueue* Batcher::State::first_due(Instant now, const Worker& worker) noexcept {
  KindQueue* first = nullptr;
  for (KindQueue& queue : core.tasks().queues()) {
    if (queue.empty() || due(queue, worker) > now) continue;
    if (first == nullptr || core.tasks().before(queue, *first)) first = &queue;
  }
  return first;
}

void Batcher::State::launch_due(Instant now, Actions& out) {
  while (core.tasks().waiting() > 0) {
    Worker* worker = preferred();
    if (worker == nullptr) return;
    // What is not due on the preferred worker is due on no other: they hold more or are busy
    // longer.
    KindQueue* queue = first_due(now, *worker);
    if (queue == nullptr) return;
    core.launch(now, core.take(*queue), *worker, out);
  }
}

Batcher::Batcher(const BatcherOptions& options) : state_(std::make_unique<State>(options)) {}
Batcher::~Batcher() = default;
Batcher::Batcher(Batcher&&) noexcept = default;
Batcher& Batcher::operator=(Batcher&&) noexcept = default;

void Batcher::handle(Instant now, const Event& event, Actions& out) {
  state_->core.handle(now, event, out);
  state_->launch_due(now, out);
}

void Batcher::advance(Instant now, Actions& out) {
  state_->core.expire(now, out);
  state_->launch_due(now, out);
}

std::optional<Instant> Batcher::next_wakeup() const {
  Instant wakeup = state_->core.first_deadline();
  if (const Worker* worker = state_->preferred())
    for (const KindQueue& queue : state_->core.tasks().queues())
      if (!queue.empty()) wakeup = std::min(wakeup, state_->due(queue, *worker));
  if (wakeup == never) return std::nullopt;
  return wakeup;
}

std::size_t Batcher::queued() const noexcept {
  return state_->core.tasks().waiting();
}
std::size_t Batcher::launched() const noexcept {
  return state_->core.tasks().on_workers();
}

}  // namespace troupe::scheduler
