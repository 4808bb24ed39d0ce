// What a scheduler may be told beside its tasks and devices, at the start and while it works.
#pragma once

#include <cstdint>

namespace troupe::scheduler {

// Switches and limits; nothing here tunes a decision.
struct SchedulerOptions {
  bool lanes = true;                            // off: every task is ordinary
  bool batching = true;                         // off: every task is a batch of its own
  std::uint32_t tasks_max = 64;                 // per batch
  std::uint32_t units_max = 2048;               // per batch; a single larger task goes alone
  std::uint32_t urgent_queue_tasks_max = 4096;  // waiting; a further one is refused
  std::uint32_t ordinary_queue_tasks_max = 65536;
  std::uint32_t attempts_max = 3;  // launches of one task, when workers are lost
};

}  // namespace troupe::scheduler
