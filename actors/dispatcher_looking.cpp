// Single tasks that somebody asks after, as the dispatcher finds them.
#include <algorithm>

#include "actors/dispatcher.hpp"

namespace troupe::actors {

void Dispatcher::look(TaskId task, Looking how, OnFound found) {
  Look look{task, how, std::move(found), std::nullopt};
  if (!looks_.push(std::move(look))) return look.found(std::nullopt);
  incoming_->wakeup.notify();
}

void Dispatcher::look_here(Instant at, Look& look) {
  const auto slot = carried_.find(look.task);
  if (!slot) return;
  const Carried& task = carried_[*slot];
  LiveTask& live = look.live.emplace();
  live.record = task.record;
  live.known_as = task.known_as;
  live.raised = task.raised;
  live.canceled = task.canceled;
  if (task.launched)
    for (const Flight& flight : flights_)
      if (std::find(flight.tasks.begin(), flight.tasks.end(), *slot) != flight.tasks.end())
        live.running = {flight.worker, flight.launched, flight.tasks.size()};
  if (look.how == Looking::cancel && !task.canceled) cancel_here(at, look.task);
}

// After the outcomes and the explanations of the same round.
void Dispatcher::answer_looks() {
  for (const Look& look : std::exchange(looked_, {})) look.found(look.live);
}

}  // namespace troupe::actors
