// What the dispatcher does when a device is lost: the other half of dispatcher.cpp.
#include <algorithm>
#include <utility>

#include "actors/dispatcher.hpp"
#include "actors/refusals.hpp"

namespace troupe::actors {

void Dispatcher::give_up_stuck_workers(Instant at) {
  while (const auto worker = watch_.stalled(at)) lose(at, *worker, Loss::stuck);
}

// Its tasks wait again, as they were, before the policy hears of it and decides about them.
void Dispatcher::lose(Instant at, WorkerId worker, Loss how) {
  watch_.left(worker);
  std::vector<BatchId> held;
  std::size_t tasks = 0;
  for (Flight& flight : flights_) {
    if (flight.worker != worker) continue;
    held.push_back(flight.decision.batch);
    tasks += flight.tasks.size();
    for (const auto slot : flight.tasks) {
      const std::size_t lane = index_of(asked_for(carried_[slot].record));
      carried_[slot].launched = false;
      --launched_[lane];
      ++queued_[lane];
      const auto& record = carried_[slot].record;
      ages_[lane].came_back(record.id, record.submitted);
    }
  }
  std::erase_if(flights_, [&](const Flight& flight) { return flight.worker == worker; });
  if (how == Loss::stuck)
    roll_.lose(worker, std::move(held));
  else
    roll_.lose_for_good(worker);
  note_device(worker, false);
  log_.error(how == Loss::stuck ? "a device is stuck and gets no more work"
                                : "a device is gone and gets no more work",
             {{"device", options_.devices[worker.value]->info().name}, {"tasks_held", tasks}});
  tell(at, scheduler::WorkerLeft{worker});
  if (!roll_.any_works()) answer_all_as_unreachable(at);
}

// The policy forgets them as canceled; what it says of that finds nobody.
void Dispatcher::answer_all_as_unreachable(Instant at) {
  for (const auto slot : carried_.all()) {
    const TaskId id = carried_[slot].record.id;
    Explanation why;
    why.timing.queue = std::max(Duration::zero(), at - carried_[slot].record.submitted);
    why.timing.lane = asked_for(carried_[slot].record);
    conclude(slot, no_device_error(), std::move(why));
    tell(at, scheduler::TaskCanceled{id});
  }
}

void Dispatcher::turn_away(Instant at, Submission&& task) {
  Explanation why;
  why.timing.queue = std::max(Duration::zero(), at - task.record.submitted);
  why.timing.lane = asked_for(task.record);
  conclude(
      carried_.add({task.record, task.known_as, {}, std::move(task.reply), false, false, false}),
      no_device_error(), std::move(why));
}

void Dispatcher::note_device(WorkerId worker, bool works) {
  stats_.update([&](NodeStats& stats) { stats.of(worker).lost = !works; });
}

}  // namespace troupe::actors
