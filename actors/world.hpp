// What every agent's shell reaches the node through. The node owns all of it, and it outlives every
// agent.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "actors/agent.hpp"
#include "actors/caf.hpp"
#include "actors/in_hand.hpp"
#include "actors/restart_budget.hpp"
#include "kernels/memory.hpp"
#include "tracing/tracer.hpp"

namespace troupe::actors {

class Bridge;
class Directory;
class Door;
class Members;

struct World {
  std::string node;
  std::uint64_t epoch = 0;  // random per process
  std::atomic<std::uint64_t> tasks{0};
  InHand in_hand;

  Log* log = nullptr;
  Door* door = nullptr;
  Members* members = nullptr;
  Directory* directory = nullptr;
  Bridge* bridge = nullptr;
  tracing::Tracer* tracer = nullptr;
  std::shared_ptr<kernels::MemoryStore> memory;
  caf::actor timers;

  RestartOptions restarts;
  std::uint32_t stash_messages_max = 1024;
  std::uint32_t agents_max = 1'000'000;
  bool hedge = false;

  // Unique in the cluster as long as no two processes draw the same epoch.
  TaskId next_task_id() noexcept {
    return {epoch, tasks.fetch_add(1, std::memory_order_relaxed) + 1};
  }
};

}  // namespace troupe::actors
