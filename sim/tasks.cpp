#include "sim/tasks.hpp"

#include "base/assert.hpp"

namespace troupe::sim {

LiveTask& LiveTasks::add() {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(tasks_.size()));
    tasks_.emplace_back();
    TROUPE_ASSERT(tasks_.size() < std::size_t{1} << place_bits, "more tasks wait than ids tell");
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  LiveTask& task = tasks_[place];
  task = LiveTask{};
  task.record.id = {7, ++added_ << place_bits | place};
  return task;
}

LiveTask* LiveTasks::find(TaskId id) noexcept {
  const std::size_t place = id.low & ((std::uint64_t{1} << place_bits) - 1);
  if (place >= tasks_.size() || tasks_[place].record.id != id) return nullptr;
  return &tasks_[place];
}

void LiveTasks::forget(TaskId id) {
  LiveTask* task = find(id);
  TROUPE_ASSERT(task != nullptr, "a task has one outcome");
  task->record.id = {};
  free_.push_back(static_cast<std::uint32_t>(task - tasks_.data()));
}

Drawn draw_task(const Stream& stream, Random& random) {
  Drawn drawn;
  scheduler::TaskRecord& record = drawn.record;
  record.kind = stream.kind;
  record.account.tenant = stream.tenant;
  if (stream.workflows > 1)
    record.account.workflow = static_cast<std::uint32_t>(random.below(stream.workflows));
  if (stream.callers > 1) record.account.agent = random.below(stream.callers);
  record.units = stream.units_min;
  if (stream.units_max > stream.units_min)
    record.units = static_cast<std::uint32_t>(random.between(stream.units_min, stream.units_max));
  record.weight = stream.weight;
  record.lane = stream.lane;
  if (stream.deadlines.empty()) return drawn;
  double lot = random.unit();
  for (const DeadlineShare& deadline : stream.deadlines) {
    if (lot < deadline.share) {
      const double longer = 1 + stream.deadline_spread * random.unit();
      drawn.wanted_after = Duration{
          static_cast<Duration::rep>(static_cast<double>(deadline.after.count()) * longer)};
      return drawn;
    }
    lot -= deadline.share;
  }
  return drawn;
}

}  // namespace troupe::sim
