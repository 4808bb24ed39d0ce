#include "actors/lane_actor.hpp"

#include "base/units.hpp"

namespace troupe::actors {
namespace {

// A pending wake-up delays the node's exit by what is left of it, so a distant one is reached in
// steps.
constexpr Duration wake_step_max = std::chrono::milliseconds(200);

Error refusal_error(const scheduler::Refuse& refusal) {
  switch (refusal.reason) {
    case ErrorCode::queue_full:
      return {refusal.reason, "the lane's queue is full",
              "retry after " + human_duration(refusal.retry_after)};
    case ErrorCode::expired:
      return {refusal.reason, "the deadline passed while the task waited",
              "allow more time, or submit it as urgent"};
    case ErrorCode::canceled:
      return {refusal.reason, "the task was canceled", ""};
    case ErrorCode::unreachable:
      return {refusal.reason, "the workers that had the task were lost", "submit it again"};
    default:
      return {refusal.reason, "the task was refused", ""};
  }
}

}  // namespace

template <class Decisions>
caf::behavior LaneActor<Decisions>::make_behavior() {
  return {
      [this](EnterLane& task) { enter(task); },
      [this](BatchDone& completed) { finish(completed); },
      [this](const CancelInLane& request) { cancel(request.task); },
      [this](const AddWorker& added) {
        decide(troupe::now(), scheduler::WorkerJoined{added.worker, added.slots, added.cost.fixed,
                                                      added.cost.per_unit});
      },
      [this](const Wake&) {
        armed_ = never;
        advance(troupe::now());
      },
  };
}

// The node shuts down: whoever still waits is told so.
template <class Decisions>
void LaneActor<Decisions>::on_exit() {
  const Instant at = troupe::now();
  while (!carried_.empty())
    answer(carried_.begin()->first,
           Error{ErrorCode::draining, "the node is shutting down", "submit it to another node"},
           at);
}

template <class Decisions>
void LaneActor<Decisions>::enter(EnterLane& task) {
  const TaskId id = task.record.id;
  const auto [entry, is_new] = carried_.try_emplace(
      id,
      Carried{std::move(task.work), std::move(task.reply), task.record.submitted, {}, 0, false});
  TROUPE_ASSERT(is_new, "the door gave one id to two tasks");
  wiring_.stats->update(wiring_.lane, [](LaneStats& stats) { ++stats.accepted; });
  decide(troupe::now(), scheduler::TaskSubmitted{task.record});
}

template <class Decisions>
void LaneActor<Decisions>::cancel(TaskId task) {
  const auto found = carried_.find(task);
  if (found == carried_.end()) return;  // done already, or in the other lane
  found->second.canceled = true;        // if it was launched, its result is dropped
  decide(troupe::now(), scheduler::TaskCanceled{task});
}

template <class Decisions>
void LaneActor<Decisions>::finish(BatchDone& completed) {
  const Instant at = troupe::now();
  wiring_.stats->update(wiring_.lane,
                        [&](LaneStats& stats) { stats.yields += completed.report.yields; });
  for (auto& item : completed.report.results) answer(item.task, std::move(item.output), at);
  decide(at, scheduler::BatchFinished{completed.worker, completed.report.id});
}

template <class Decisions>
void LaneActor<Decisions>::decide(Instant at, const scheduler::Event& event) {
  decisions_.handle(at, event, actions_);
  carry_out(at);
}

template <class Decisions>
void LaneActor<Decisions>::advance(Instant at) {
  decisions_.advance(at, actions_);
  carry_out(at);
}

template <class Decisions>
void LaneActor<Decisions>::carry_out(Instant at) {
  for (const auto& action : actions_) {
    if (const auto* launched = std::get_if<scheduler::Launch>(&action))
      send_batch(at, *launched);
    else
      refuse(std::get<scheduler::Refuse>(action));
  }
  actions_.clear();
  wiring_.stats->update(wiring_.lane, [&](LaneStats& stats) {
    stats.queued = decisions_.queued();
    stats.launched = decisions_.launched();
  });
  arm(at);
}

template <class Decisions>
void LaneActor<Decisions>::send_batch(Instant at, const scheduler::Launch& launched) {
  kernels::Batch batch{launched.batch, launched.kind.model, {}};
  batch.items.reserve(launched.tasks.size());
  for (const TaskId id : launched.tasks) {
    const auto found = carried_.find(id);
    TROUPE_ASSERT(found != carried_.end(), "a task was launched that nobody carries");
    Carried& task = found->second;
    task.launched = at;
    task.batch_tasks = static_cast<std::uint32_t>(launched.tasks.size());
    // Copied, not moved: if the worker is lost, the task is launched again.
    batch.items.push_back({id, task.work});
  }
  wiring_.stats->update(wiring_.lane, [&](LaneStats& stats) {
    ++stats.batches;
    ++stats.batch_tasks[static_cast<std::uint32_t>(launched.tasks.size())];
  });
  wiring_.launch(launched.worker, std::move(batch));
}

template <class Decisions>
void LaneActor<Decisions>::refuse(const scheduler::Refuse& refusal) {
  answer(refusal.task, refusal_error(refusal), troupe::now());
}

template <class Decisions>
void LaneActor<Decisions>::answer(TaskId id, Result<Output> result, Instant finished) {
  const auto found = carried_.find(id);
  if (found == carried_.end()) return;  // a report of a batch whose worker was given up
  Carried task = std::move(found->second);
  carried_.erase(found);
  if (task.canceled && result)
    result = Error{ErrorCode::canceled, "the task was canceled while it ran", ""};

  TaskOutcome outcome{id, std::move(result), {}};
  const bool launched = task.batch_tasks != 0;
  outcome.timing.queue = (launched ? task.launched : finished) - task.submitted;
  if (launched) outcome.timing.compute = finished - task.launched;
  outcome.timing.batch_tasks = task.batch_tasks;
  outcome.timing.lane = wiring_.lane;
  wiring_.stats->update(wiring_.lane, [&](LaneStats& stats) {
    if (!outcome.result) {
      ++stats.failed[std::string(troupe::name(outcome.result.error().code))];
      return;
    }
    ++stats.completed;
    stats.queue.add(outcome.timing.queue);
    stats.total.add(outcome.timing.queue + outcome.timing.compute);
  });
  wiring_.held->fetch_sub(1, std::memory_order_relaxed);
  task.reply(std::move(outcome));
}

template <class Decisions>
void LaneActor<Decisions>::arm(Instant at) {
  const auto next = decisions_.next_wakeup();
  if (!next || *next >= armed_) return;
  const Duration delay = std::clamp(*next - at, Duration::zero(), wake_step_max);
  armed_ = at + delay;
  post_self_later(*this, delay, Wake{armed_});
}

template class LaneActor<scheduler::Batcher>;
template class LaneActor<scheduler::FastLane>;

}  // namespace troupe::actors
