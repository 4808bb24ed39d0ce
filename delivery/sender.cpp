#include "delivery/sender.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::delivery {

Error error_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::expired:
      return {code, "no node had done the task in time", "allow more time"};
    case ErrorCode::canceled:
      return {code, "the task was canceled", ""};
    case ErrorCode::unreachable:
      return {code, "the nodes that could have done the task were lost, or none can be reached",
              "submit it again when they are back; troupe status says which are up"};
    default:
      return {code, "no node takes the task at the moment", "retry later"};
  }
}

Sender::Sender(SenderOptions options, std::uint64_t seed)
    : options_(std::move(options)),
      random_(seed),
      hedging_(options_.hedge.value_or(HedgingOptions{})),
      nodes_(options_.nodes) {
  if (!options_.self) return;
  TROUPE_ASSERT(options_.self->value < options_.nodes, "our own node is one of the cluster's");
  nodes_[options_.self->value].up = true;
}

void Sender::handle(Instant now, const SenderEvent& event, SenderActions& out) {
  std::visit([&](const auto& one) { on(now, one, out); }, event);
}

void Sender::advance(Instant now, SenderActions& out) {
  while (const auto due = timers_.pop(now))
    if (const auto task = tasks_.find(due->task); task != tasks_.end()) look_at(now, task, out);
}

// --- events --------------------------------------------------------------------------------------

void Sender::on(Instant now, const Submitted& event, SenderActions& out) {
  const bool known = event.first.value < nodes_.size() && !tasks_.contains(event.task);
  if (!known || tasks_.size() >= options_.tasks_max) {
    out.push_back(Conclude{event.task, Conclude::With::error,
                           known ? ErrorCode::queue_full : ErrorCode::invalid_argument});
    return;
  }
  budget_.task();
  if (event.urgent && !event.pinned) hedging_.task();
  Task task;
  task.wanted = event;
  task.submitted = now;
  const auto added = tasks_.emplace(event.task, std::move(task)).first;
  dispatch(now, added, out);
}

void Sender::on(Instant, const NodeJoined& event, SenderActions&) {
  if (event.node.value == nodes_.size()) nodes_.emplace_back();
}

void Sender::on(Instant now, const NodeUp& event, SenderActions& out) {
  if (event.node.value >= nodes_.size() || event.node == options_.self) return;
  Node& node = nodes_[event.node.value];
  if (node.up && node.epoch == event.epoch) return;
  if (node.up) on(now, NodeDown{event.node}, out);
  node.up = true;
  if (node.epoch != event.epoch) node.refuses_until = {};
  node.epoch = event.epoch;
  std::set<TaskId> waiting = node.tasks;
  waiting.merge(for_any_);
  for (const TaskId id : waiting)
    if (const auto task = tasks_.find(id); task != tasks_.end()) dispatch(now, task, out);
}

void Sender::on(Instant now, const NodeDown& event, SenderActions& out) {
  if (event.node.value >= nodes_.size() || event.node == options_.self) return;
  Node& node = nodes_[event.node.value];
  if (!std::exchange(node.up, false)) return;
  const std::set<TaskId> had = node.tasks;
  for (const TaskId id : had)
    if (const auto task = tasks_.find(id);
        task != tasks_.end() && !other_has_it(now, task->second, event.node))
      lost(now, task, out);
}

void Sender::on(Instant, const Accepted& event, SenderActions&) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end() || !current(event.node, event.epoch)) return;
  Task& task = found->second;
  if (is_second(task, event.node, event.attempt)) task.second->held = true;
  if (task.state != State::offered || task.node != event.node || task.attempt != event.attempt)
    return;
  task.state = State::held;
  task.retry_at = never;
  arm(task);
}

void Sender::on(Instant now, const Rejected& event, SenderActions& out) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end() || !current(event.node, event.epoch)) return;
  Task& task = found->second;
  const bool first =
      task.state != State::waiting && task.node == event.node && task.attempt == event.attempt;
  if (!first && !is_second(task, event.node, event.attempt)) return;
  if (task.second) return gave_it_back(now, event.node, task, event.why, event.retry_after);
  // It stands among those that were given the task, and so is tried again last of all.
  if (!may_be_retried(event.why) && event.elsewhere) return lost(now, found, out);
  // It does not have the task, so it can neither answer it nor be told to stop.
  std::erase_if(task.given, [&](const Given& given) { return given.node == event.node; });
  if (!may_be_retried(event.why)) {
    conclude(found, Conclude::With::refusal, event.why, out);
    return;
  }
  declined(now, event.node, found, event.why, event.retry_after, out);
}

void Sender::on(Instant now, const ResultCame& event, SenderActions& out) {
  if (!current(event.node, event.epoch)) return;
  const auto found = tasks_.find(event.task);
  // Concluded already: the node need not know why.
  if (found == tasks_.end()) {
    out.push_back(Acknowledge{event.node, event.task});
    return;
  }
  Task& task = found->second;
  const auto given = std::find_if(task.given.begin(), task.given.end(), [&](const Given& one) {
    return one.node == event.node && one.epoch == event.epoch;
  });
  if (given == task.given.end()) return;
  out.push_back(Acknowledge{event.node, event.task});
  const bool of_two = task.second && (task.node == event.node || task.second->node == event.node);
  if (of_two && event.error)
    return gave_it_back(now, event.node, task, *event.error, Duration::zero());
  if (event.error && !may_be_retried(*event.error) && event.elsewhere) {
    if (task.state != State::waiting && task.node == event.node) lost(now, found, out);
    return;
  }
  task.given.erase(given);
  if (!event.error && task.wanted.urgent && !task.wanted.pinned)
    hedging_.took(now - task.offered_at);
  if (!event.error || !may_be_retried(*event.error)) {
    conclude(found, Conclude::With::result, event.error.value_or(ErrorCode::internal), out,
             of_two && task.second->node == event.node);
    return;
  }
  declined(now, event.node, found, *event.error, Duration::zero(), out);
}

void Sender::on(Instant now, const Undelivered& event, SenderActions& out) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end()) return;
  Task& task = found->second;
  if (is_second(task, event.node, event.attempt))
    return gave_it_back(now, event.node, task, event.why, Duration::zero());
  if (task.state != State::offered || task.node != event.node || task.attempt != event.attempt)
    return;
  // An offer to that node that was sent before this one may have arrived.
  if (task.first_offer && task.repeats == 0)
    std::erase_if(task.given, [&](const Given& given) { return given.node == event.node; });
  if (may_be_retried(event.why))
    declined(now, event.node, found, event.why, Duration::zero(), out);
  else
    conclude(found, Conclude::With::refusal, event.why, out);
}

void Sender::on(Instant, const Canceled& event, SenderActions& out) {
  const auto found = tasks_.find(event.task);
  if (found != tasks_.end()) conclude(found, Conclude::With::error, ErrorCode::canceled, out);
}

std::optional<Sender::Standing> Sender::standing(TaskId task) const {
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return std::nullopt;
  const Task& one = found->second;
  return Standing{one.node, one.state == State::offered, one.state == State::held,
                  one.wanted.deadline};
}

// --- time ----------------------------------------------------------------------------------------

void Sender::look_at(Instant now, Tasks::iterator found, SenderActions& out) {
  Task& task = found->second;
  const Instant deadline = task.wanted.deadline;
  if (task.state == State::waiting) {
    if (now >= deadline) return conclude(found, Conclude::With::error, ErrorCode::expired, out);
    if (now >= task.waits_until)
      return conclude(found, Conclude::With::error, ErrorCode::unreachable, out);
    if (now >= task.retry_at) return dispatch(now, found, out);
    return arm(task);
  }
  if (now >= task.hedge_at) hedge(now, task, out);
  if (now >= later(deadline, options_.grace))
    return conclude(found, Conclude::With::error, ErrorCode::expired, out);
  if (now >= task.retry_at) {
    if (now < deadline && budget_.take(now)) {
      ++task.repeats;
      offer(now, task, task.node, out);
      return;
    }
    task.retry_at = now < deadline ? later(now, options_.repeat_after) : never;
  }
  arm(task);
}

// --- decisions -----------------------------------------------------------------------------------

// Gives the task to a node now, or says when to try again.
void Sender::dispatch(Instant now, Tasks::iterator found, SenderActions& out) {
  Task& task = found->second;
  if (now >= task.wanted.deadline)
    return conclude(found, Conclude::With::error, ErrorCode::expired, out);
  if (task.wanted.pinned) {
    const NodeId home = task.wanted.first;
    const Node& node = nodes_[home.value];
    if (!node.up) return wait_for_node(now, found, out);
    // What it would have searched is gone with the process that was given it.
    if (!task.given.empty() && task.given.back().epoch != node.epoch)
      return conclude(found, Conclude::With::error, ErrorCode::unreachable, out);
    if (node.refuses_until <= now) {
      task.attempt = ++task.attempts;
      task.repeats = 0;
      return offer(now, task, home, out);
    }
  } else if (const auto open = candidates(now, task); !open.empty()) {
    const auto has = [&](NodeId node) {
      return std::find(open.begin(), open.end(), node) != open.end();
    };
    NodeId chosen = open[random_.below(open.size())];
    if (task.attempts == 0 && has(task.wanted.first))
      chosen = task.wanted.first;
    else if (options_.choose)
      chosen = options_.choose(now, task.wanted.task, open);
    else if (options_.self && has(*options_.self))
      chosen = *options_.self;
    task.attempt = ++task.attempts;
    task.repeats = 0;
    plan_hedge(now, task);
    return offer(now, task, chosen, out);
  } else if (soonest_candidate(now) == never) {
    return wait_for_any(now, found, out);
  }
  // All refuse for a while.
  if (now >= patience_ends(task))
    return conclude(found, Conclude::With::error, task.refused.value_or(ErrorCode::queue_full),
                    out);
  leave_node(task);
  task.state = State::waiting;
  const Instant open_at =
      task.wanted.pinned ? nodes_[task.wanted.first.value].refuses_until : soonest_candidate(now);
  task.retry_at =
      std::min(later(open_at, jittered(options_.backoff_min, task.refusals)), patience_ends(task));
  arm(task);
}

void Sender::offer(Instant now, Task& task, NodeId to, SenderActions& out) {
  leave_node(task);
  Node& node = nodes_[to.value];
  task.state = State::offered;
  task.node = to;
  task.on_node = true;
  task.waits_until = never;
  node.tasks.insert(task.wanted.task);
  const bool known = std::any_of(task.given.begin(), task.given.end(), [&](const Given& given) {
    return given.node == to && given.epoch == node.epoch;
  });
  if (!known) task.given.push_back({to, node.epoch});
  if (task.repeats == 0) task.first_offer = !known;
  task.retry_at = later(now, std::min(options_.repeat_after_max,
                                      options_.repeat_after * (1L << std::min(task.repeats, 10U))));
  std::optional<Duration> time_left;
  if (task.wanted.deadline != never) time_left = task.wanted.deadline - now;
  out.push_back(Offer{to, task.wanted.task, task.attempt, time_left});
  arm(task);
}

// That node does not do it now. One that is full may do it later, and asking again adds to its
// load. One that ends, cannot be reached or has no device that works would only say so again: it is
// left alone for a while, and its tasks are lost to it as if it were gone.
void Sender::declined(Instant now, NodeId by, Tasks::iterator found, ErrorCode why,
                      Duration retry_after, SenderActions& out) {
  Task& task = found->second;
  leave_alone(now, by, why, retry_after);
  if (task.state == State::waiting || task.node != by) return;  // it is elsewhere by now
  task.refused = why;
  why == ErrorCode::queue_full ? refused(now, found, why, out) : lost(now, found, out);
}

void Sender::leave_alone(Instant now, NodeId node, ErrorCode why, Duration retry_after) {
  const bool full = why == ErrorCode::queue_full;
  const Duration pause = full ? retry_after : std::max(retry_after, options_.draining_pause);
  Instant& refuses_until = nodes_[node.value].refuses_until;
  refuses_until = std::max(refuses_until, later(now, pause));
}

// The node that had it, or should have had it, is gone.
void Sender::lost(Instant now, Tasks::iterator found, SenderActions& out) {
  Task& task = found->second;
  if (task.state == State::waiting) return;
  ++task.losses;
  task.state = State::waiting;
  leave_node(task);
  if (task.losses >= options_.attempts_max)
    return conclude(found, Conclude::With::error, ErrorCode::unreachable, out);
  dispatch(now, found, out);
}

void Sender::refused(Instant now, Tasks::iterator found, ErrorCode why, SenderActions& out) {
  Task& task = found->second;
  ++task.refusals;
  leave_node(task);
  task.state = State::waiting;
  if (now >= patience_ends(task) || !budget_.take(now))
    return conclude(found, Conclude::With::refusal, why, out);
  const Instant home_opens =
      task.wanted.pinned ? nodes_[task.wanted.first.value].refuses_until : now;
  task.retry_at =
      std::min(later(std::max(now, home_opens), jittered(options_.backoff_min, task.refusals)),
               patience_ends(task));
  arm(task);
}

void Sender::wait_for_node(Instant now, Tasks::iterator found, SenderActions&) {
  Task& task = found->second;
  leave_node(task);
  task.state = State::waiting;
  task.node = task.wanted.first;
  task.on_node = true;
  nodes_[task.node.value].tasks.insert(task.wanted.task);
  task.retry_at = never;
  task.waits_until = later(now, options_.pinned_patience);
  arm(task);
}

void Sender::wait_for_any(Instant now, Tasks::iterator found, SenderActions& out) {
  Task& task = found->second;
  leave_node(task);
  if (now >= patience_ends(task))
    return conclude(found, Conclude::With::error, ErrorCode::unreachable, out);
  task.state = State::waiting;
  for_any_.insert(task.wanted.task);
  task.retry_at = never;
  task.waits_until = patience_ends(task);
  arm(task);
}

void Sender::conclude(Tasks::iterator found, Conclude::With with, ErrorCode code,
                      SenderActions& out, bool by_hedge) {
  Task& task = found->second;
  leave_node(task);
  leave_second(task);
  timers_.clear({0, task.wanted.task});
  for (const Given& given : task.given)
    if (current(given.node, given.epoch)) out.push_back(Withdraw{given.node, task.wanted.task});
  out.push_back(Conclude{task.wanted.task, with, code, by_hedge});
  tasks_.erase(found);
}

// --- helpers -------------------------------------------------------------------------------------

void Sender::leave_node(Task& task) {
  for_any_.erase(task.wanted.task);
  if (!std::exchange(task.on_node, false)) return;
  nodes_[task.node.value].tasks.erase(task.wanted.task);
}

void Sender::arm(const Task& task) {
  const Instant end = task.state == State::waiting ? task.wanted.deadline
                                                   : later(task.wanted.deadline, options_.grace);
  const Instant hedge_at = task.state == State::waiting ? never : task.hedge_at;
  timers_.set({0, task.wanted.task}, std::min({end, task.retry_at, task.waits_until, hedge_at}));
}

Instant Sender::patience_ends(const Task& task) const {
  return std::min(task.wanted.deadline, later(task.submitted, options_.refusal_patience));
}

bool Sender::current(NodeId node, std::uint64_t epoch) const {
  return node.value < nodes_.size() && nodes_[node.value].up && nodes_[node.value].epoch == epoch;
}

std::vector<NodeId> Sender::open(Instant now) const {
  std::vector<NodeId> open;
  for (std::uint32_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].up && nodes_[i].refuses_until <= now) open.push_back(NodeId{i});
  return open;
}

// Open ones; of those only the ones that were given it least often.
std::vector<NodeId> Sender::candidates(Instant now, const Task& task) const {
  std::vector<NodeId> fresh;
  std::vector<NodeId> again;
  for (const NodeId node : open(now)) {
    const bool had = std::any_of(task.given.begin(), task.given.end(),
                                 [&](const Given& given) { return given.node == node; });
    (had ? again : fresh).push_back(node);
  }
  return fresh.empty() ? again : fresh;
}

Instant Sender::soonest_candidate(Instant now) const {
  Instant soonest = never;
  for (const Node& node : nodes_)
    if (node.up) soonest = std::min(soonest, std::max(now, node.refuses_until));
  return soonest;
}

// Between one and two times `least`, doubled so often, at most backoff_max.
Duration Sender::jittered(Duration least, std::uint32_t doublings) {
  const Duration pause = std::min(options_.backoff_max, least * (1L << std::min(doublings, 20U)));
  return pause + Duration{random_.between(0, pause.count())};
}

}  // namespace troupe::delivery
