#include "scheduler/fair_queue.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::scheduler {
namespace {

template <class Node>
std::uint32_t place_in(std::vector<Node>& nodes, std::vector<std::uint32_t>& free) {
  if (free.empty()) {
    free.push_back(static_cast<std::uint32_t>(nodes.size()));
    nodes.emplace_back();
  }
  const std::uint32_t place = free.back();
  free.pop_back();
  return place;
}

}  // namespace

std::uint32_t FairQueue::workflow_of(std::uint32_t key) {
  const auto [found, is_new] = places_.try_emplace(key, 0);
  if (!is_new) return found->second;
  const std::uint32_t place = found->second = place_in(workflows_, free_workflows_);
  Workflow& workflow = workflows_[place];
  workflow.key = key;
  workflow.counter = served_;
  workflow.served = 0;
  workflow.agents = {};
  workflow.used = true;
  order_.push(workflow.counter, place);
  return place;
}

std::uint32_t FairQueue::agent_of(std::uint32_t workflow, std::uint64_t key) {
  const auto [found, is_new] = workflows_[workflow].places.try_emplace(key, 0);
  if (!is_new) return found->second;
  const std::uint32_t place = found->second = place_in(agents_, free_agents_);
  agents_[place] = Agent{key, workflows_[workflow].served, no_slot, no_slot, workflow, true};
  workflows_[workflow].agents.push(agents_[place].counter, place);
  return place;
}

std::uint32_t FairQueue::enter(std::vector<TaskEntry>& entries, Slot slot) {
  TaskEntry& entry = entries[slot];
  entry.group = agent_of(workflow_of(entry.task.account.workflow), entry.task.account.agent);
  entry.next = entry.previous = no_slot;
  ++size_;
  return entry.group;
}

void FairQueue::push(std::vector<TaskEntry>& entries, Slot slot) {
  Agent& agent = agents_[enter(entries, slot)];
  entries[slot].previous = agent.last;
  if (agent.last == no_slot)
    agent.first = slot;
  else
    entries[agent.last].next = slot;
  agent.last = slot;
}

// In front of all but those that came before it and came back, too.
void FairQueue::push_front(std::vector<TaskEntry>& entries, Slot slot) {
  Agent& agent = agents_[enter(entries, slot)];
  Slot next = agent.first;
  Slot previous = no_slot;
  while (next != no_slot && entries[next].sequence < entries[slot].sequence)
    previous = std::exchange(next, entries[next].next);
  entries[slot].next = next;
  entries[slot].previous = previous;
  (previous == no_slot ? agent.first : entries[previous].next) = slot;
  (next == no_slot ? agent.last : entries[next].previous) = slot;
}

void FairQueue::unlink(std::vector<TaskEntry>& entries, Slot slot) {
  const TaskEntry& entry = entries[slot];
  Agent& agent = agents_[entry.group];
  (entry.previous == no_slot ? agent.first : entries[entry.previous].next) = entry.next;
  (entry.next == no_slot ? agent.last : entries[entry.next].previous) = entry.previous;
  --size_;
}

// Heaps drop them when they come by; until then the places must not be given to others, so they are
// kept in order_ and agents until least() meets them. A node that is used again has been emptied.
void FairQueue::drop_if_empty(std::uint32_t place) {
  Agent& agent = agents_[place];
  if (agent.first != no_slot) return;
  Workflow& workflow = workflows_[agent.workflow];
  workflow.places.erase(agent.key);
  agent.used = false;
  if (!workflow.places.empty()) return;
  places_.erase(workflow.key);
  workflow.used = false;
}

void FairQueue::remove(std::vector<TaskEntry>& entries, Slot slot) {
  const std::uint32_t agent = entries[slot].group;
  unlink(entries, slot);
  drop_if_empty(agent);
}

Slot FairQueue::pop(std::vector<TaskEntry>& entries) {
  TROUPE_ASSERT(size_ > 0, "the next of an empty queue was asked for");
  const std::uint32_t flow =
      order_.least([this](std::uint32_t i) { return workflows_[i].counter; },
                   [this](std::uint32_t i) {
                     if (workflows_[i].used) return false;
                     // Nothing refers to it any more, once its agents' heap is gone with it.
                     while (workflows_[i].agents.least([](std::uint32_t) { return 0.0; },
                                                       [this](std::uint32_t a) {
                                                         free_agents_.push_back(a);
                                                         return true;
                                                       }) != LazyHeap::none) {
                     }
                     free_workflows_.push_back(i);
                     return true;
                   });
  TROUPE_ASSERT(flow != LazyHeap::none, "a waiting task belongs to a workflow");
  Workflow& workflow = workflows_[flow];
  const std::uint32_t who =
      workflow.agents.least([this](std::uint32_t i) { return agents_[i].counter; },
                            [this](std::uint32_t i) {
                              if (agents_[i].used) return false;
                              free_agents_.push_back(i);
                              return true;
                            });
  TROUPE_ASSERT(who != LazyHeap::none, "a waiting task belongs to an agent");
  Agent& agent = agents_[who];
  const Slot slot = agent.first;
  served_ = std::max(served_, workflow.counter);
  workflow.served = std::max(workflow.served, agent.counter);
  workflow.counter += entries[slot].work_ns;
  agent.counter += entries[slot].work_ns;
  unlink(entries, slot);
  drop_if_empty(who);
  return slot;
}

}  // namespace troupe::scheduler
