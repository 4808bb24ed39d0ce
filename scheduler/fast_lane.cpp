#include "scheduler/fast_lane.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "scheduler/lane_core.hpp"

namespace troupe::scheduler {
namespace {

LaneLimits limits_of(const FastLaneOptions& options) {
  LaneLimits limits;
  limits.lane = Lane::urgent;
  limits.tasks_max = std::max(options.tasks_max, 1U);
  limits.units_max = options.units_max;
  limits.queue_tasks_max = options.queue_tasks_max;
  limits.attempts_max = options.attempts_max;
  return limits;
}

}  // namespace

struct FastLane::State {
  explicit State(const FastLaneOptions& options) : core(limits_of(options)) {}

  [[nodiscard]] bool has_room() const noexcept;
  [[nodiscard]] KindQueue& first_queue() noexcept;
  [[nodiscard]] Worker& first_done(Instant now, std::uint64_t units) noexcept;
  void launch_all(Instant now, Actions& out);

  LaneCore core;
};

bool FastLane::State::has_room() const noexcept {
  return std::ranges::any_of(core.workers().workers(), &Worker::has_room);
}

// That of the earliest deadline; some task waits.
KindQueue& FastLane::State::first_queue() noexcept {
  KindQueue* first = nullptr;
  for (KindQueue& queue : core.tasks().queues())
    if (!queue.empty() && (first == nullptr || core.tasks().before(queue, *first))) first = &queue;
  TROUPE_ASSERT(first != nullptr, "a waiting task stands in a queue");
  return *first;
}

// The worker with room that should be done with so many more units first.
Worker& FastLane::State::first_done(Instant now, std::uint64_t units) noexcept {
  const auto rank = [&](const Worker& worker) {
    const Instant done = later(worker.free_at(now), worker.cost(units));
    return std::tuple(done, worker.held.size(), worker.id);
  };
  Worker* best = nullptr;
  for (Worker& worker : core.workers().workers())
    if (worker.has_room() && (best == nullptr || rank(worker) < rank(*best))) best = &worker;
  TROUPE_ASSERT(best != nullptr, "somebody has room");
  return *best;
}

void FastLane::State::launch_all(Instant now, Actions& out) {
  while (core.tasks().waiting() > 0 && has_room()) {
    LaneCore::Batch batch = core.take(first_queue());
    Worker& worker = first_done(now, batch.units);
    core.launch(now, std::move(batch), worker, out);
  }
}

FastLane::FastLane(const FastLaneOptions& options) : state_(std::make_unique<State>(options)) {}
FastLane::~FastLane() = default;
FastLane::FastLane(FastLane&&) noexcept = default;
FastLane& FastLane::operator=(FastLane&&) noexcept = default;

void FastLane::handle(Instant now, const Event& event, Actions& out) {
  state_->core.handle(now, event, out);
  state_->launch_all(now, out);
}

void FastLane::advance(Instant now, Actions& out) {
  state_->core.expire(now, out);
  state_->launch_all(now, out);
}

std::optional<Instant> FastLane::next_wakeup() const {
  // Whatever could be launched was launched: only expiry needs the clock.
  const Instant wakeup = state_->core.first_deadline();
  if (wakeup == never) return std::nullopt;
  return wakeup;
}

std::size_t FastLane::queued() const noexcept {
  return state_->core.tasks().waiting();
}
std::size_t FastLane::launched() const noexcept {
  return state_->core.tasks().on_workers();
}

}  // namespace troupe::scheduler
