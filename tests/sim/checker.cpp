#include "tests/sim/checker.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <variant>

namespace troupe::sim {

using scheduler::BatchFinished;
using scheduler::Launch;
using scheduler::Refuse;
using scheduler::TaskCanceled;
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
    case ErrorCode::canceled:
      return "cancel";
    case ErrorCode::unreachable:
      return "attempts";
    default:
      return "outcome";
  }
}

auto ordinary_rank(const WorkerView& worker) {
  const Instant ends = worker.held.empty() ? Instant::min() : worker.held.back().ends;
  return std::tuple(worker.held.size(), ends, worker.cost(1));
}

std::string number(TaskId id) {
  return "task " + std::to_string(id.low);
}

}  // namespace

Checker::Checker(const SimOptions& options) : lane_options_(options.lanes) {
  LaneView& urgent = lanes_[index(Lane::urgent)];
  urgent.urgent = true;
  urgent.tasks_max = options.urgent.tasks_max;
  urgent.units_max = options.urgent.units_max;
  urgent.queue_tasks_max = options.urgent.queue_tasks_max;
  urgent.attempts_max = options.urgent.attempts_max;
  LaneView& ordinary = lanes_[index(Lane::ordinary)];
  ordinary.tasks_max = options.ordinary.enabled ? options.ordinary.tasks_max : 1;
  ordinary.units_max = options.ordinary.units_max;
  ordinary.queue_tasks_max = options.ordinary.queue_tasks_max;
  ordinary.attempts_max = options.ordinary.attempts_max;
  ordinary.delay_max = options.ordinary.delay_max;
  ordinary.eager = options.ordinary.eager_when_idle;
}

void Checker::fail(const std::string& checker, const std::string& what) const {
  throw Violation{checker, what, now_};
}

void Checker::see(const Step& step) {
  now_ = step.at;
  LaneView& lane = lanes_[index(step.lane)];
  check_time_passed(lane);
  expect_refusals(lane, step);
  for (const auto& action : step.actions) {
    if (const auto* refuse = std::get_if<Refuse>(&action))
      on_refuse(lane, *refuse);
    else
      on_launch(lane, std::get<Launch>(action));
  }
  check_settled(lane, step);
}

// Since its last call the lane let time pass: nothing may have come due in between.
void Checker::check_time_passed(const LaneView& lane) const {
  for (const auto& [name, kind] : lane.books.kinds()) {
    const Rank& head = *kind.ranked.begin();
    expect(head.deadline >= now_, "deadline", number(head.id) + " was not refused at its deadline");
    expect(due_everywhere(lane, kind) >= now_, "conservation",
           "a batch was due earlier and nobody had asked to be woken for it");
  }
}

// The refusals that the event calls for; every one must come within the step, and no other.
void Checker::expect_refusals(LaneView& lane, const Step& step) {
  must_refuse_.clear();
  for (const auto& [name, kind] : lane.books.kinds())
    for (const Rank& rank : kind.ranked) {
      if (rank.deadline > now_) break;
      must_refuse_.emplace(rank.id, ErrorCode::expired);
    }
  if (step.event != nullptr) on_event(lane, *step.event);
}

void Checker::on_event(LaneView& lane, const scheduler::Event& event) {
  if (const auto* submitted = std::get_if<TaskSubmitted>(&event)) {
    const auto& task = submitted->task;
    const std::size_t waiting = lane.books.waiting() - must_refuse_.size();
    if (lane.books.task(task.id) != nullptr) {
      ++coverage_["duplicate submit"];
    } else {
      lane.books.arrived(now_, task);
      if (task.deadline <= now_)
        must_refuse_.emplace(task.id, ErrorCode::expired);
      else if (waiting >= lane.queue_tasks_max)
        must_refuse_.emplace(task.id, ErrorCode::queue_full);
    }
  } else if (const auto* cancel = std::get_if<TaskCanceled>(&event)) {
    const TaskView* view = lane.books.task(cancel->task);
    if (view == nullptr) return;
    ++coverage_[view->waiting ? "cancel while waiting" : "cancel on a worker"];
    if (view->waiting)
      must_refuse_.emplace(cancel->task, ErrorCode::canceled);
    else
      lane.books.canceled(cancel->task);
  } else if (const auto* joined = std::get_if<WorkerJoined>(&event)) {
    if (lane.books.worker(joined->worker) != nullptr) ++coverage_["worker updated"];
    lane.books.joined(*joined);
  } else if (const auto* left = std::get_if<WorkerLeft>(&event)) {
    for (const TaskId id : lane.books.left(left->worker)) {
      const TaskView& view = *lane.books.task(id);
      ++coverage_["task of a lost worker"];
      if (view.canceled)
        must_refuse_.emplace(id, ErrorCode::canceled);
      else if (view.task.deadline <= now_)
        must_refuse_.emplace(id, ErrorCode::expired);
      else if (view.launches >= lane.attempts_max)
        must_refuse_.emplace(id, ErrorCode::unreachable);
    }
  } else if (const auto* finished = std::get_if<BatchFinished>(&event)) {
    if (!lane.books.finished(now_, *finished)) ++coverage_["report of an unknown batch"];
  }
}

void Checker::on_refuse(LaneView& lane, const Refuse& refuse) {
  const auto expected = must_refuse_.find(refuse.task);
  const TaskView* view = lane.books.task(refuse.task);
  expect(view != nullptr && view->waiting, "outcome",
         number(refuse.task) + " was refused without waiting");
  expect(expected != must_refuse_.end(), checker_of(refuse.reason),
         number(refuse.task) + " was refused for no reason: " + std::string(name(refuse.reason)));
  expect(expected->second == refuse.reason, checker_of(expected->second),
         number(refuse.task) + " was refused as " + std::string(name(refuse.reason)));
  if (refuse.reason == ErrorCode::queue_full)
    expect(refuse.retry_after > Duration::zero(), "bounds", "no time to retry after was given");
  ++coverage_["refused " + std::string(name(refuse.reason))];
  must_refuse_.erase(expected);
  lane.books.refused(refuse.task);
}

void Checker::on_launch(LaneView& lane, const Launch& launch) {
  const WorkerView* worker = lane.books.worker(launch.worker);
  expect(worker != nullptr, "capacity", "a batch went to a worker that is not here");
  expect(worker->has_room(), "capacity", "a worker got more batches than it has slots");
  check_shape(lane, launch);
  check_order(lane, launch);
  check_placement(lane, launch, *worker);
  note_launch(lane, launch, *worker);
  lane.books.launched(now_, launch);
}

void Checker::check_shape(const LaneView& lane, const Launch& launch) {
  expect(batches_.insert(launch.batch).second, "shape", "a batch number was used twice");
  expect(!launch.tasks.empty(), "shape", "an empty batch");
  expect(std::set(launch.tasks.begin(), launch.tasks.end()).size() == launch.tasks.size(), "shape",
         "a task is in a batch twice");
  std::uint64_t units = 0;
  for (const TaskId id : launch.tasks) {
    const TaskView* view = lane.books.task(id);
    expect(view != nullptr && view->waiting, "outcome", number(id) + " was launched, not waiting");
    const auto doomed = must_refuse_.find(id);
    if (doomed != must_refuse_.end())
      fail(checker_of(doomed->second), number(id) + " was launched instead of refused");
    expect(view->task.kind == launch.kind, "shape", "a batch of two kinds");
    expect(view->launches == 0 || view->launches < lane.attempts_max, "attempts",
           number(id) + " was launched too often");
    units += view->task.units;
  }
  expect(launch.tasks.size() <= lane.tasks_max, "shape", "more than tasks_max tasks");
  expect(launch.tasks.size() == 1 || units <= lane.units_max, "shape", "more than units_max units");

  // Whoever is next in line must have found no room.
  const auto& ranked = lane.books.kinds().at(launch.kind).ranked;
  if (launch.tasks.size() == ranked.size() || launch.tasks.size() == lane.tasks_max) return;
  const TaskId next = std::next(ranked.begin(), static_cast<long>(launch.tasks.size()))->id;
  expect(units + lane.books.task(next)->task.units > lane.units_max, "shape",
         "there was room for one more");
}

void Checker::check_order(const LaneView& lane, const Launch& launch) const {
  const KindView& kind = lane.books.kinds().at(launch.kind);
  Rank last;
  for (const TaskId id : launch.tasks) last = std::max(last, lane.books.task(id)->rank());
  const auto passed = std::next(kind.ranked.begin(), static_cast<long>(launch.tasks.size() - 1));
  expect(*passed == last, "order", number(last.id) + " passed one of an earlier rank");

  const WorkerView& worker = *lane.books.worker(launch.worker);
  for (const auto& [name, other] : lane.books.kinds()) {
    if (due(lane, other, worker) > now_) continue;
    const Rank& mine = *kind.ranked.begin();
    const Rank& theirs = *other.ranked.begin();
    expect(mine <= theirs, "order", "a kind with an earlier deadline could have gone");
  }
}

void Checker::check_placement(const LaneView& lane, const Launch& launch,
                              const WorkerView& worker) const {
  std::uint64_t units = 0;
  for (const TaskId id : launch.tasks) units += lane.books.task(id)->task.units;
  for (const auto& [id, other] : lane.books.workers()) {
    if (!other.has_room()) continue;
    if (lane.urgent)
      expect(worker.free_at(now_) + worker.cost(units) <= other.free_at(now_) + other.cost(units),
             "placement", "another worker should have been done earlier");
    else
      expect(ordinary_rank(worker) <= ordinary_rank(other), "placement",
             "another worker holds less, should be free earlier or costs less");
  }
  expect(due(lane, lane.books.kinds().at(launch.kind), worker) <= now_, "patience",
         "a batch was launched before the rule allows it");
}

void Checker::check_settled(const LaneView& lane, const Step& step) const {
  if (!must_refuse_.empty()) {
    const auto& [id, reason] = *must_refuse_.begin();
    fail(checker_of(reason), number(id) + " was not refused as " + std::string(name(reason)));
  }
  expect(step.queued == lane.books.waiting(), "counters", "queued() is wrong");
  expect(step.launched == lane.books.on_workers(), "counters", "launched() is wrong");
  for (const auto& [name, kind] : lane.books.kinds())
    expect(due_everywhere(lane, kind) > now_, "conservation",
           "a batch waits although every free slot may have it");
  expect(!step.wakeup || *step.wakeup > now_, "wakeup", "next_wakeup() lies in the past");
}

void Checker::see_choice(Instant now, std::optional<Lane> asked, Instant deadline, Duration cost,
                         Lane chosen) {
  now_ = now;
  Lane expected = Lane::ordinary;
  if (lane_options_.enabled && asked)
    expected = *asked;
  else if (lane_options_.enabled && deadline != never &&
           deadline - now - cost < lane_options_.urgent_laxity)
    expected = Lane::urgent;
  expect(chosen == expected, "lane", "a task took the wrong lane");
  if (!asked && chosen == Lane::urgent) ++coverage_["urgent by laxity"];
}

void Checker::see_end(Instant now) {
  now_ = now;
  for (const LaneView& lane : lanes_)
    expect(lane.books.waiting() + lane.books.on_workers() == 0, "liveness",
           std::to_string(lane.books.waiting()) + " tasks wait and " +
               std::to_string(lane.books.on_workers()) + " are on workers at the end");
}

bool Checker::is_full(const LaneView& lane, const KindView& kind) const {
  return kind.ranked.size() >= lane.tasks_max || kind.units >= lane.units_max;
}

// From when on that kind may be launched on that worker, as the lanes' headers say it.
Instant Checker::due(const LaneView& lane, const KindView& kind, const WorkerView& worker) const {
  if (lane.urgent || is_full(lane, kind)) return Instant::min();
  const bool idle = worker.held.empty();
  if (idle && lane.eager) return Instant::min();
  const Instant overdue = kind.arrivals.begin()->second + lane.delay_max;
  const std::uint64_t with_one_more = kind.units + kind.units / kind.ranked.size();
  const Instant deadline = kind.ranked.begin()->deadline;
  const Instant pressing = deadline == never ? never : deadline - worker.cost(with_one_more);
  const Instant wanted = std::min(overdue, pressing);
  return idle ? wanted : std::max(wanted, worker.held.back().ends - lane.delay_max);
}

// From when on any worker with a free slot may have it; `never` while there is none.
Instant Checker::due_everywhere(const LaneView& lane, const KindView& kind) const {
  std::optional<Instant> last;
  for (const auto& [id, worker] : lane.books.workers())
    if (worker.has_room()) last = std::max(last.value_or(Instant::min()), due(lane, kind, worker));
  return last.value_or(never);
}

void Checker::note_launch(const LaneView& lane, const Launch& launch, const WorkerView& worker) {
  const KindView& kind = lane.books.kinds().at(launch.kind);
  if (lane.urgent) {
    ++coverage_[launch.tasks.size() > 1 ? "urgent shared" : "urgent alone"];
    return;
  }
  const Instant overdue = kind.arrivals.begin()->second + lane.delay_max;
  if (kind.units >= lane.units_max && kind.ranked.size() < lane.tasks_max)
    ++coverage_["full by units"];
  else if (is_full(lane, kind))
    ++coverage_["full by tasks"];
  else if (worker.held.empty() && lane.eager)
    ++coverage_["eager"];
  else
    ++coverage_[std::string(overdue <= now_ ? "overdue" : "pressing") +
                (worker.held.empty() ? " when idle" : " into a spare slot")];
}

}  // namespace troupe::sim
