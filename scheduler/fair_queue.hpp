// Tasks of one tenant that have no deadline, in the order of fairness: workflows share equally, and
// within a workflow its agents do, whatever each of them asks for. Within an agent first come first
// served.
//
// Each workflow, and each agent in it, has a counter of the work that it was given; the least goes
// first. Whoever comes (back) begins at the counter of the one that was served last, so that nobody
// saves up a claim by being away and nobody pays twice: start-time fair queuing (Goyal et al. 1996)
// in two levels, as VTC (Sheng et al. 2024) does it for tenants.
//
// Not thread-safe. O(log n) for each task; memory only for workflows and agents with tasks waiting.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "scheduler/lazy_heap.hpp"
#include "scheduler/task_store.hpp"

namespace troupe::scheduler {

class FairQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void push(std::vector<TaskEntry>& entries, Slot slot);
  // A task that comes back from a lost worker: before all others of its agent.
  void push_front(std::vector<TaskEntry>& entries, Slot slot);
  // From anywhere; nobody is charged for it.
  void remove(std::vector<TaskEntry>& entries, Slot slot);
  // The next one, charged to its workflow and agent with its work_ns. Not empty.
  Slot pop(std::vector<TaskEntry>& entries);

 private:
  struct Agent {
    std::uint64_t key = 0;
    double counter = 0;
    Slot first = no_slot;
    Slot last = no_slot;
    std::uint32_t workflow = 0;
    bool used = false;
  };
  struct Workflow {
    std::uint32_t key = 0;
    double counter = 0;
    double served = 0;  // the counter of the agent served last
    LazyHeap agents;
    std::unordered_map<std::uint64_t, std::uint32_t> places;
    bool used = false;
  };

  std::uint32_t workflow_of(std::uint32_t key);
  std::uint32_t agent_of(std::uint32_t workflow, std::uint64_t key);
  std::uint32_t enter(std::vector<TaskEntry>& entries, Slot slot);
  void unlink(std::vector<TaskEntry>& entries, Slot slot);
  void drop_if_empty(std::uint32_t agent);

  std::vector<Workflow> workflows_;
  std::vector<Agent> agents_;
  std::vector<std::uint32_t> free_workflows_;
  std::vector<std::uint32_t> free_agents_;
  std::unordered_map<std::uint32_t, std::uint32_t> places_;  // of workflows, by key
  LazyHeap order_;
  double served_ = 0;  // the counter of the workflow served last
  std::size_t size_ = 0;
};

}  // namespace troupe::scheduler
