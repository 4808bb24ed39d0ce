// What happens in the world: tasks come and get their outcomes, devices end batches, come and go.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "sim/world.hpp"

namespace troupe::sim {

using scheduler::BatchFinished;
using scheduler::CostGuessed;
using scheduler::Refuse;
using scheduler::TaskCanceled;
using scheduler::TaskSubmitted;
using scheduler::WorkerJoined;
using scheduler::WorkerLeft;

namespace {

// An agent that is refused does not ask again at once, or a full queue would stop the clock.
constexpr Duration refused_wait_min = std::chrono::milliseconds(1);

Duration scaled(Duration duration, double factor) noexcept {
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

}  // namespace

// --- tasks ---------------------------------------------------------------------------------------

void World::arrive(std::uint32_t index) {
  const Stream& stream = options_.streams[index];
  if (now_ >= end_ || now_ - Instant{} >= stream.until) return;
  if (report_.tasks >= options_.tasks_max) return;  // the last has come
  if (stream.trace != nullptr) {
    const TracedArrival& traced = (*stream.trace)[traced_[index]++];
    if (traced_[index] < stream.trace->size())
      at(Instant{} + stream.from + (*stream.trace)[traced_[index]].at, What::arrive, index);
    return submit(index, std::max(traced.units, 1U));
  }
  if (stream.agents > 0) return submit(index, 0);
  const std::uint32_t most = std::max(stream.burst_tasks_max, 1U);
  const double mean_ns = 1e9 / stream.rate_per_s * (1.0 + most) / 2;
  at(now_ + Duration{static_cast<Duration::rep>(random_.exponential(mean_ns))}, What::arrive,
     index);
  const auto group = most == 1 ? 1 : random_.between(1, most);
  for (std::int64_t i = 0; i < group; ++i) submit(index, 0);
}

// `units` zero: as the stream draws them.
void World::submit(std::uint32_t stream, std::uint32_t units) {
  if (report_.tasks >= options_.tasks_max) return;
  ++report_.tasks;
  const Faults& faults = options_.faults;
  Drawn drawn = draw_task(options_.streams[stream], random_);
  LiveTask& task = tasks_.add();
  drawn.record.id = task.record.id;
  task.record = drawn.record;
  if (units > 0) task.record.units = units;
  task.stream = stream;
  task.came = now_;
  const Instant shown = now_ - clock_behind();
  task.record.submitted = shown;
  if (drawn.wanted_after != Duration::max()) {
    task.due = on_grid(later(now_, drawn.wanted_after));
    task.record.deadline = task.due - (now_ - shown);
  }
  if (faults.hopeless_share > 0 && random_.chance(faults.hopeless_share)) {
    task.due = now_ - draw_up_to(options_.grid * 2);
    task.record.deadline = task.due - (now_ - shown);
  }
  task.measured = now_ >= measure_from_;
  if (task.measured) ++report_.streams[stream].offered;
  plan_trouble_for(task.record.id);
  call(TaskSubmitted{task.record});
}

void World::plan_trouble_for(TaskId task) {
  const Faults& faults = options_.faults;
  const auto maybe = [&](double share, What what) {
    if (share > 0 && random_.chance(share))
      at(now_ + draw_up_to(faults.fault_window), what, 0, task.low);
  };
  maybe(faults.cancel_share, What::cancel);
  maybe(faults.raise_share, What::raise);
  maybe(faults.duplicate_submit_share, What::resubmit);
}

void World::next_of_agent(std::uint32_t index, Duration wait_min) {
  const Stream& stream = options_.streams[index];
  if (stream.agents == 0 || stream.trace != nullptr) return;
  const Duration think = scaled(stream.think, 0.5 + random_.unit());
  const Instant next = later(now_, std::max(think, wait_min));
  if (next < end_) at(next, What::arrive, index);
}

void World::refused(const Refuse& refuse) {
  const LiveTask* task = tasks_.find(refuse.task);
  TROUPE_ASSERT(task != nullptr, "a task has one outcome");
  const auto code = static_cast<std::size_t>(refuse.reason);
  StreamReport& stream = report_.streams[task->stream];
  if (task->measured && code < error_codes) ++stream.refused[code];
  next_of_agent(task->stream, std::max(refuse.retry_after, refused_wait_min));
  tasks_.forget(refuse.task);
}

void World::completed(TaskId id, Lane lane) {
  const LiveTask* task = tasks_.find(id);
  TROUPE_ASSERT(task != nullptr, "a task has one outcome");
  StreamReport& stream = report_.streams[task->stream];
  if (task->measured && task->canceled) {
    ++stream.dropped;
  } else if (task->measured) {
    ++(now_ <= task->due ? stream.on_time : stream.late);
    stream.latencies.push_back(now_ - task->came);
    report_.latencies[static_cast<std::size_t>(lane)].push_back(now_ - task->came);
  }
  next_of_agent(task->stream, Duration::zero());
  tasks_.forget(id);
}

// --- batches -------------------------------------------------------------------------------------

void World::device_turns(std::uint32_t index, std::uint64_t turn) {
  Node& node = nodes_[index];
  if (turn != node.turn) return;
  const auto ended = node.device.advance(now_);
  replan(index);
  if (!ended) return;
  const Faults& faults = options_.faults;
  if (faults.lost_report_share > 0 && random_.chance(faults.lost_report_share))
    return at(now_ + faults.report_limit, What::lose, index, node.epoch, faults.restart.count());
  const Duration delay_max = node.options.report_delay_max;
  if (faults.duplicate_report_share > 0 && random_.chance(faults.duplicate_report_share)) {
    ++batches_[*ended].reports;
    at(now_ + draw_up_to(delay_max), What::report, *ended);
  }
  ++batches_[*ended].reports;
  if (delay_max > Duration::zero()) return at(now_ + draw_up_to(delay_max), What::report, *ended);
  report(*ended);
}

// Its tasks have their outcome with the report, unless the device was lost before it arrived.
void World::report(std::uint32_t place) {
  Batch& batch = batches_[place];
  const BatchFinished finished{WorkerId{batch.device}, batch.id, batch.work};
  --batch.reports;
  if (batch.held) {
    batch.held = false;
    Node& node = nodes_[batch.device];
    std::erase(node.held, place);
    if (node.held.empty()) node.idle_since = now_;
    for (const TaskId id : batch.tasks) {
      const LiveTask* task = tasks_.find(id);
      TROUPE_ASSERT(task != nullptr, "a task on a device has no outcome yet");
      if (now_ >= measure_from_ && now_ < end_)
        report_.tenants[tenant_of_[task->stream]].device_time += scaled(
            batch.work, static_cast<double>(task->record.units) / static_cast<double>(batch.units));
      completed(id, batch.lane);
    }
  }
  release(place);
  call(finished);
}

void World::release(std::uint32_t place) {
  if (!batches_[place].held && batches_[place].reports == 0) free_batches_.push_back(place);
}

// --- devices -------------------------------------------------------------------------------------

void World::join(std::uint32_t index) {
  Node& node = nodes_[index];
  if (node.here) return;
  node.here = true;
  node.takes_work = node.options.slots > 0;
  node.idle_since = now_;
  const DeviceOptions& device = node.options;
  WorkerJoined joined;
  joined.worker = WorkerId{index};
  joined.slots = device.slots;
  joined.urgent_slots = device.urgent_slots;
  joined.cost_fixed = scaled(device.fixed, device.told_factor);
  joined.cost_per_unit = scaled(device.per_unit, device.told_factor);
  joined.tile = device.tile;
  call(joined);
  for (const KindCost& kind : device.kinds)
    call(CostGuessed{WorkerId{index}, kind.kind, scaled(kind.fixed, device.told_factor),
                     scaled(kind.per_unit, device.told_factor)});
}

void World::lose(std::uint32_t index, std::uint64_t epoch, Duration away) {
  Node& node = nodes_[index];
  if (!node.here || node.epoch != epoch) return;
  node.here = false;
  ++node.epoch;
  node.device.clear(now_);
  replan(index);
  for (const std::uint32_t place : std::exchange(node.held, {})) {
    batches_[place].held = false;
    release(place);
  }
  at(now_ + away, What::join, index);
  call(WorkerLeft{WorkerId{index}});
}

void World::update(const DeviceUpdate& update) {
  Node& node = nodes_[update.device];
  if (!node.here) return;
  // Work that begins to be taken does not count as if it had been before.
  if (!node.takes_work) node.idle_since = now_;
  node.takes_work = update.slots > 0;
  WorkerJoined joined;
  joined.worker = WorkerId{update.device};
  joined.slots = update.slots;
  joined.urgent_slots = update.urgent_slots;
  joined.cost_fixed = scaled(node.options.fixed, update.told_factor);
  joined.cost_per_unit = scaled(node.options.per_unit, update.told_factor);
  joined.tile = node.options.tile;
  call(joined);
}

// --- what should not happen ----------------------------------------------------------------------

void World::plan_faults() {
  const Faults& faults = options_.faults;
  for (std::uint32_t i = 0; i < faults.outages.size(); ++i)
    at(Instant{} + faults.outages[i].at, What::fall_silent, i);
  for (std::uint32_t i = 0; i < faults.updates.size(); ++i)
    at(Instant{} + faults.updates[i].at, What::update, i);
  for (const ClockStep& clock : faults.clock_steps)
    at(Instant{} + clock.at + clock.length, What::clock);
  for (std::uint32_t i = 0; i < faults.strange_events; ++i)
    at(Instant{} + draw_up_to(options_.duration), What::strange);
}

void World::strange() {
  const WorkerId nobody{static_cast<std::uint32_t>(nodes_.size() + 1)};
  const BatchId batch{random_.below(report_.decisions + 2)};
  switch (random_.below(5)) {
    case 0:
      return call(WorkerLeft{nobody});
    case 1:
      return call(TaskCanceled{TaskId{99, random_.next()}});
    case 2:
      return call(scheduler::TaskRaised{TaskId{99, random_.next()}, now_});
    case 3:
      return call(BatchFinished{nobody, batch, Duration{1}});
    default:
      // That number may be in use, but not so large.
      if (nodes_.empty()) return;
      return call(BatchFinished{WorkerId{static_cast<std::uint32_t>(random_.below(nodes_.size()))},
                                BatchId{batch.value + (std::uint64_t{1} << 60)}, Duration{-1}});
  }
}

}  // namespace troupe::sim
