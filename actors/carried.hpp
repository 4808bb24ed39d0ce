// The tasks that have no outcome yet, as the dispatcher carries them: the work, the way back, and
// what their explanation will say. A task keeps its slot, an index, until it is forgotten.
//
// Not thread-safe; the dispatcher owns it. Nothing is allocated per task once it has grown to the
// load: slots are used again, and ids are found by open addressing (linear probing; Celis, Larson
// and Munro, "Robin Hood hashing", 1985, so that forgetting the first of a long queue ends at the
// second).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "actors/reply.hpp"
#include "actors/task_spans.hpp"
#include "kernels/device.hpp"
#include "scheduler/task.hpp"

namespace troupe::actors {

struct Carried {
  scheduler::TaskRecord record;
  TaskId known_as;  // the id by which whoever asked knows it
  kernels::DeviceWork work;
  ReplyTo reply;
  bool launched = false;
  bool canceled = false;
  bool raised = false;
  std::shared_ptr<const TracedTask> traced{};  // null unless it belongs to a trace
};

class CarriedTasks {
 public:
  using Slot = std::uint32_t;

  // Its id is not there yet.
  Slot add(Carried&& task);
  [[nodiscard]] std::optional<Slot> find(TaskId id) const noexcept;
  [[nodiscard]] Carried& operator[](Slot slot) noexcept { return tasks_[slot]; }
  void forget(Slot slot);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  // For the end of all: the slots in use.
  [[nodiscard]] std::vector<Slot> all() const;

 private:
  [[nodiscard]] std::size_t place_of(TaskId id) const noexcept;
  // Of who stands there, from home.
  [[nodiscard]] std::size_t distance(std::size_t place) const noexcept;
  void put(Slot slot);
  void grow();

  std::vector<Carried> tasks_;
  std::vector<Slot> free_;
  std::vector<Slot> places_;  // slot + 1; 0: free. Twice as many as tasks, at least; a power of two
  std::size_t size_ = 0;
};

}  // namespace troupe::actors
