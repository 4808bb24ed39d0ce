#include "tests/sim/checker.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "sim/tasks.hpp"

namespace troupe::sim {

using scheduler::BatchFinished;
using scheduler::Launch;
using scheduler::Refuse;
using scheduler::TaskCanceled;
using scheduler::TaskRaised;
using scheduler::TaskSubmitted;
using scheduler::WorkerJoined;
using scheduler::WorkerLeft;

namespace {

// Which checker is responsible for a refusal of that kind, or for its absence.
const char* checker_of(ErrorCode reason) {
  switch (reason) {
    case ErrorCode::expired:
      return "deadline";
    case ErrorCode::queue_full:
      return "bounds";
    case ErrorCode::infeasible:
      return "infeasible";
    case ErrorCode::canceled:
      return "cancel";
    case ErrorCode::unreachable:
      return "attempts";
    default:
      return "outcome";
  }
}

// A deadline that is so many full batches away can be met by an idle device that has nothing else.
constexpr int idle_batches = 8;

bool is_exact(const Configuration& drawn) {
  const Faults& faults = drawn.world.faults;
  const bool sound = std::ranges::all_of(drawn.world.devices, [](const DeviceOptions& device) {
    return device.noise == 0 && device.told_factor == 1 && device.slow_from == Duration::max() &&
           device.report_delay_max == Duration::zero() && device.joins == Duration::zero();
  });
  return sound && drawn.world.grid == Duration{1} && faults.outages.empty() &&
         faults.clock_steps.empty() && faults.updates.empty() && faults.slow_share == 0 &&
         faults.lost_report_share == 0 && faults.raise_share == 0 && faults.hopeless_share == 0;
}

}  // namespace

Checker::Checker(const Configuration& configuration) : drawn_(configuration) {
  const scheduler::SchedulerOptions& options = drawn_.scheduler;
  tasks_max_ = options.batching ? options.tasks_max : 1;
  exact_ = is_exact(drawn_);
  const auto& streams = drawn_.world.streams;
  plain_ = drawn_.world.faults.raise_share == 0 && drawn_.world.faults.hopeless_share == 0 &&
           std::ranges::all_of(streams, [&](const Stream& stream) {
             return stream.deadlines.empty() && stream.lane != Lane::urgent &&
                    stream.kind == streams.front().kind;
           });
  for (const Stream& stream : streams)
    units_of_task_ = std::max<std::uint64_t>(units_of_task_, stream.units_max);
  units_full_ = std::max<std::uint64_t>(
      std::min<std::uint64_t>(options.units_max, tasks_max_ * units_of_task_), units_of_task_);
  double factor = 1.1;
  for (const DeviceOptions& device : drawn_.world.devices) {
    full_ =
        std::max(full_, device.fixed + device.per_unit * static_cast<Duration::rep>(units_full_));
    factor =
        std::max({factor, device.told_factor, device.slow_factor * std::exp(3 * device.noise)});
  }
  if (drawn_.world.faults.slow_share > 0) factor *= drawn_.world.faults.slow_factor;
  full_ = Duration{static_cast<Duration::rep>(static_cast<double>(full_.count()) * factor)} +
          drawn_.world.grid * 2 + std::chrono::microseconds(20);
  calm_ = std::ranges::none_of(streams, [](const Stream& stream) {
    return stream.lane == Lane::urgent || stream.burst_tasks_max > 1;
  });
}

void Checker::fail(const std::string& checker, const std::string& what) const {
  throw Violation{checker, what, now_};
}

void Checker::expect(bool holds, const char* checker, TaskId task, const char* what) const {
  if (!holds) fail(checker, "task " + std::to_string(LiveTasks::number(task)) + " " + what);
}

void Checker::see(const Step& step) {
  // While the clock is behind, time stands still; then it jumps, and nobody could be woken before.
  clock_odd_ = behind_ || step.at < now_;
  behind_ = step.at < now_;
  if (!drawn_.world.faults.clock_steps.empty() && step.at > now_) {
    for (const ClockStep& clock : drawn_.world.faults.clock_steps) {
      const Instant from = Instant{} + clock.at - clock.back;
      if (from <= step.at && now_ <= from + clock.length + clock.back * 2) clock_odd_ = true;
    }
  }
  const bool passed = step.at > now_;
  if (passed && !clock_odd_) {
    // Since its last call the scheduler let time pass: nothing may have come due in between.
    if (!books_.by_deadline().empty() && books_.by_deadline().begin()->deadline < step.at)
      expect(false, "deadline", books_.by_deadline().begin()->id,
             "was not refused at its deadline");
    check_waiting(step.at, false);
  }
  now_ = std::max(now_, step.at);
  must_refuse_.clear();
  submitted_.reset();
  for (const Rank& rank : books_.by_deadline()) {
    if (rank.deadline > now_) break;
    must_refuse_.emplace(rank.id, ErrorCode::expired);
  }
  if (step.event != nullptr) on_event(*step.event);
  for (const auto& action : step.actions) {
    if (const auto* refuse = std::get_if<Refuse>(&action))
      on_refuse(*refuse);
    else
      on_launch(std::get<Launch>(action));
  }
  check_settled(step);
}

// --- events --------------------------------------------------------------------------------------

void Checker::on_event(const scheduler::Event& event) {
  if (const auto* submitted = std::get_if<TaskSubmitted>(&event)) {
    on_submitted(submitted->task);
  } else if (const auto* cancel = std::get_if<TaskCanceled>(&event)) {
    const TaskView* view = books_.task(cancel->task);
    if (view == nullptr) return;
    ++coverage_[view->waiting ? "cancel while waiting" : "cancel on a worker"];
    if (view->waiting)
      must_refuse_.emplace(cancel->task, ErrorCode::canceled);
    else
      books_.canceled(cancel->task);
  } else if (const auto* raised = std::get_if<TaskRaised>(&event)) {
    const TaskView* view = books_.task(raised->task);
    if (view == nullptr || !view->waiting || !drawn_.scheduler.lanes ||
        must_refuse_.contains(raised->task))
      return;
    ++coverage_["raised"];
    const Instant own = view->task.deadline;
    books_.raised(raised->task, raised->deadline > now_ ? std::min(own, raised->deadline) : own);
  } else if (const auto* joined = std::get_if<WorkerJoined>(&event)) {
    if (books_.worker(joined->worker) != nullptr) ++coverage_["worker updated"];
    books_.joined(now_, *joined);
  } else if (const auto* left = std::get_if<WorkerLeft>(&event)) {
    for (const TaskId id : books_.left(now_, left->worker)) {
      const TaskView& view = *books_.task(id);
      ++coverage_["task of a lost worker"];
      if (view.canceled)
        must_refuse_.emplace(id, ErrorCode::canceled);
      else if (view.task.deadline <= now_)
        must_refuse_.emplace(id, ErrorCode::expired);
      else if (view.launches >= drawn_.scheduler.attempts_max)
        must_refuse_.emplace(id, ErrorCode::unreachable);
    }
  } else if (const auto* finished = std::get_if<BatchFinished>(&event)) {
    const auto tasks = books_.finished(now_, *finished);
    if (!tasks) ++coverage_["report of an unknown batch"];
    if (!tasks) return;
    for (const TaskView& view : *tasks)
      if (view.task.deadline < now_) ++broken_;
    share(*tasks, finished->busy);
  }
}

// Where a task that comes now must wait, if that can be told from outside.
std::optional<Lane> Checker::surely(const scheduler::TaskRecord& task) const {
  if (!drawn_.scheduler.lanes || task.lane == Lane::ordinary) return Lane::ordinary;
  if (!task.lane && task.deadline == never) return Lane::ordinary;
  if (!task.lane) return std::nullopt;
  // It may have had too much already, if somebody else wants something, too.
  std::map<TenantId, std::size_t> leaving;
  for (const auto& [id, reason] : must_refuse_) ++leaving[books_.task(id)->task.account.tenant];
  for (const auto& [tenant, waiting] : books_.waiting_by_tenant())
    if (tenant != task.account.tenant && waiting > leaving[tenant]) return std::nullopt;
  return Lane::urgent;
}

void Checker::on_submitted(const scheduler::TaskRecord& task) {
  if (books_.task(task.id) != nullptr) {
    ++coverage_["duplicate submit"];
    return;
  }
  submitted_ = task.id;
  if (task.deadline <= now_) {
    books_.arrived(now_, task, surely(task));
    must_refuse_.emplace(task.id, ErrorCode::expired);
    return;
  }
  tenants_seen_.insert(task.account.tenant);
  books_.arrived(now_, task, surely(task));
  const TaskView& view = *books_.task(task.id);
  const bool room =
      (may_be(view, Lane::urgent) && waits_at_least(Lane::urgent) < limit_of(Lane::urgent)) ||
      (may_be(view, Lane::ordinary) && waits_at_least(Lane::ordinary) < limit_of(Lane::ordinary));
  if (!room) must_refuse_.emplace(task.id, ErrorCode::queue_full);
}

// --- bounds --------------------------------------------------------------------------------------

bool Checker::may_be(const TaskView& view, Lane lane) const {
  return !view.surely || *view.surely == lane;
}

std::size_t Checker::limit_of(Lane lane) const {
  return lane == Lane::urgent ? drawn_.scheduler.urgent_queue_tasks_max
                              : drawn_.scheduler.ordinary_queue_tasks_max;
}

// Of those who waited before the one that was submitted now, and go on waiting.
std::size_t Checker::waits_at_least(Lane lane) const {
  std::size_t waiting = books_.waiting_surely(lane);
  for (const auto& [id, reason] : must_refuse_)
    if (books_.task(id)->surely == lane) --waiting;
  if (submitted_ && books_.task(*submitted_)->surely == lane) --waiting;
  return waiting;
}

std::size_t Checker::waits_at_most(Lane lane) const {
  const Lane other = lane == Lane::urgent ? Lane::ordinary : Lane::urgent;
  std::size_t waiting = books_.waiting() - books_.waiting_surely(other);
  for (const auto& [id, reason] : must_refuse_)
    if (id != submitted_ && books_.task(id)->surely != other) --waiting;
  if (submitted_ && books_.task(*submitted_)->surely != other) --waiting;
  return waiting;
}

void Checker::on_queue_full(const Refuse& refuse, const TaskView& view) const {
  expect(submitted_ == refuse.task, "bounds", refuse.task, "was refused after it had been taken");
  expect(refuse.retry_after > Duration::zero(), "bounds", "no time to retry after was given");
  bool full = false;
  bool crowded = false;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    if (!may_be(view, lane)) continue;
    const std::size_t limit = limit_of(lane);
    const std::size_t waiting = waits_at_most(lane);
    full = full || waiting >= limit;
    if (tenants_seen_.size() < 2 || waiting < limit - limit / 8) continue;
    const std::size_t own = books_.waiting_of(view.task.account.tenant) - 1;
    const std::size_t others = books_.waiting_by_tenant().size() - (own == 0 ? 1 : 0);
    crowded = crowded || own >= limit / (others + 1);
  }
  expect(full || tenants_seen_.size() > 1, "bounds", refuse.task, "was refused, but there is room");
  expect(full || crowded, "fairshare", refuse.task, "was refused a place that is its own");
}

// --- refusals ------------------------------------------------------------------------------------

void Checker::on_infeasible(const Refuse& refuse, const TaskView& view) const {
  expect(!view.patient(), "infeasible", refuse.task, "has no deadline to miss");
  expect(refuse.retry_after > Duration::zero(), "infeasible", "no time to retry after was given");
  expect(refuse.earliest_deadline > view.task.deadline - now_, "infeasible", refuse.task,
         "was told of a deadline no later than its own");
  const bool idle =
      std::ranges::any_of(books_.workers(), [](const auto& entry) { return entry.second.idle(); });
  const bool alone = books_.waiting() <= 1;
  if (exact_ && idle && alone)
    expect(view.task.deadline - now_ < full_ * idle_batches, "infeasible", refuse.task,
           "could have been done in time");
}

void Checker::on_refuse(const Refuse& refuse) {
  const TaskView* view = books_.task(refuse.task);
  expect(view != nullptr && view->waiting, "outcome", refuse.task, "was refused without waiting");
  const auto expected = must_refuse_.find(refuse.task);
  if (expected != must_refuse_.end() && expected->second != refuse.reason)
    expect(false, checker_of(expected->second), refuse.task, "was refused for another reason");
  if (refuse.reason == ErrorCode::queue_full)
    on_queue_full(refuse, *view);
  else if (refuse.reason == ErrorCode::infeasible)
    on_infeasible(refuse, *view);
  else
    expect(expected != must_refuse_.end(), checker_of(refuse.reason), refuse.task,
           "was refused for no reason");
  const bool late = refuse.reason == ErrorCode::expired || refuse.reason == ErrorCode::infeasible;
  if (late && refuse.task != submitted_) ++broken_;
  if (late && refuse.task != submitted_ && view->launches == 0) ++promised_;
  ++coverage_["refused " + std::string(name(refuse.reason))];
  if (refuse.reason == ErrorCode::infeasible && refuse.task != submitted_)
    ++coverage_["infeasible after all"];
  if (expected != must_refuse_.end()) must_refuse_.erase(expected);
  books_.refused(refuse.task);
  if (refuse.task == submitted_) submitted_.reset();
}

void Checker::expect_all_refused() const {
  for (const auto& [id, reason] : must_refuse_)
    expect(false, checker_of(reason), id, "should have been refused");
}

void Checker::see_end(bool cut_off) {
  expect(!cut_off, "liveness", "the run does not end");
  expect(books_.waiting() == 0, "liveness", "tasks wait and nothing will happen");
  expect(books_.on_workers() == 0, "liveness", "tasks are on workers and nothing will happen");
  if (exact_ && calm_ && promised_ > 0) {
    coverage_["promised"] += promised_;
    coverage_["promise broken"] += broken_;
    expect(broken_ <= 12 + promised_ / 2, "promises", "too many accepted tasks came too late");
  }
}

}  // namespace troupe::sim
