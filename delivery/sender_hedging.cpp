// A second node for an urgent task that is late: the sender's hedges.
#include <algorithm>

#include "delivery/sender.hpp"

namespace troupe::delivery {

// The task is about to be offered to its first node.
void Sender::plan_hedge(Instant now, Task& task) {
  task.offered_at = now;
  task.hedge_at = never;
  if (!options_.hedge || !task.wanted.urgent || task.hedged) return;
  if (const auto delay = hedging_.delay()) task.hedge_at = later(now, *delay);
}

// Offers it to a second node, where there is one, where it can still be in time, and where the
// budget allows; where not, it is looked at again when it is twice as late. Such an offer is not
// repeated: it replaces nothing.
void Sender::hedge(Instant now, Task& task, SenderActions& out) {
  task.hedge_at = never;
  const Instant deadline = task.wanted.deadline;
  std::vector<NodeId> others = open(now);
  std::erase_if(others, [&](NodeId node) {
    return std::any_of(task.given.begin(), task.given.end(),
                       [&](const Given& given) { return given.node == node; });
  });
  if (later(now, hedging_.usual()) > deadline) return;
  if (others.empty() || !hedging_.take()) {
    task.hedge_at = later(now, std::max(now - task.offered_at, options_.hedge->delay_min));
    return;
  }
  NodeId chosen = others[random_.below(others.size())];
  if (options_.choose)
    chosen = options_.choose(now, task.wanted.task, others);
  else if (options_.self && std::find(others.begin(), others.end(), *options_.self) != others.end())
    chosen = *options_.self;
  task.hedged = true;
  task.second = Second{chosen, ++task.attempts, false};
  nodes_[chosen.value].tasks.insert(task.wanted.task);
  task.given.push_back({chosen, nodes_[chosen.value].epoch});
  std::optional<Duration> time_left;
  if (deadline != never) time_left = deadline - now;
  out.push_back(Offer{chosen, task.wanted.task, task.second->attempt, time_left, true});
}

bool Sender::is_second(const Task& task, NodeId node, std::uint32_t attempt) const {
  return task.second && task.second->node == node && task.second->attempt == attempt;
}

// One of two will not do it, for whatever reason: that is the other's business now.
void Sender::gave_it_back(Instant now, NodeId by, Task& task, ErrorCode why, Duration retry_after) {
  if (may_be_retried(why)) {
    leave_alone(now, by, why, retry_after);
    std::erase_if(task.given, [&](const Given& given) { return given.node == by; });
  }
  (void)other_has_it(now, task, by);
}

// Whether the task goes on without that node, because it was given to another as well.
bool Sender::other_has_it(Instant now, Task& task, NodeId without) {
  if (!task.second) return false;
  const Second other = *task.second;
  if (other.node == without) {
    leave_second(task);
    return true;
  }
  leave_node(task);
  task.second.reset();
  task.node = other.node;
  task.attempt = other.attempt;
  task.repeats = 0;
  task.on_node = true;
  task.state = other.held ? State::held : State::offered;
  task.retry_at = other.held ? never : later(now, options_.repeat_after);
  arm(task);
  return true;
}

void Sender::leave_second(Task& task) {
  if (!task.second) return;
  nodes_[task.second->node.value].tasks.erase(task.wanted.task);
  task.second.reset();
}

}  // namespace troupe::delivery
