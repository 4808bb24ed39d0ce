// The door of the node's devices: where a task is checked, sized, admitted and sent to its lane.
//
// Everything about a request that can be wrong is found here, once, before anybody waits for it.
// Admission is a counter per lane in front of the mailboxes, which CAF leaves unbounded.
// Thread-safe: agents on the pool and the bridge submit at the same time.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "kernels/memory.hpp"
#include "models/text_model.hpp"
#include "scheduler/lane_choice.hpp"

namespace troupe::actors {

struct NamedModel {
  std::string name;
  std::shared_ptr<const models::TextModel> model;
};

struct DoorOptions {
  scheduler::LaneOptions lanes;
  std::array<std::uint32_t, lane_count> tasks_max{};  // admitted and not done, by lane
  std::vector<NamedModel> models;                     // by ModelId
  std::shared_ptr<const kernels::MemoryStore> memory;
  kernels::Cost cost;  // of the first device: for the laxity of a task
};

class Door {
 public:
  explicit Door(DoorOptions options) : options_(std::move(options)) {}

  // The lanes count what they hold in held(), so they are made after the door and handed to it
  // here. Before that, and after close(), everything is refused as draining.
  void open(caf::actor fast_lane, caf::actor batcher);

  // On success `reply` is called exactly once, later, on an actor's thread. On an error it never
  // is. `request.id` must be unique among the node's tasks. Errors: invalid_argument, malformed,
  // too_large, model_missing, queue_full, expired (a time limit of zero), draining.
  Status submit(TaskRequest request, Reply reply);

  // The task's outcome will be `canceled`, unless it is done already.
  void cancel(TaskId task);

  // Lets the lanes' handles go.
  void close();

  [[nodiscard]] std::atomic<std::int64_t>& held(Lane lane) noexcept {
    return held_[static_cast<std::size_t>(lane)];
  }

 private:
  struct Checked {
    scheduler::Kind kind;
    std::uint32_t units = 1;
    kernels::DeviceWork work;
  };
  [[nodiscard]] Result<Checked> check(TaskRequest& request) const;
  [[nodiscard]] Result<Checked> check_encode(const std::string& model, const Encode& encode) const;
  [[nodiscard]] Result<Checked> check_recall(Recall& recall) const;

  DoorOptions options_;
  std::array<std::atomic<std::int64_t>, lane_count> held_{};
  mutable std::shared_mutex mutex_;
  std::array<caf::actor, lane_count> lanes_;  // guarded by mutex_; null unless open
};

}  // namespace troupe::actors
