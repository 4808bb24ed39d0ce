// Single tasks that somebody asks after, as the exchange knows them.
#include "actors/exchange.hpp"

namespace troupe::actors {

Exchange::Whereabouts Exchange::look(TaskId task) const {
  Whereabouts found;
  const std::lock_guard lock(mutex_);
  if (const auto ours = pending_.find(task); ours != pending_.end()) {
    const TaskRequest& request = ours->second.request;
    OnItsWay& way = found.ours.emplace();
    way.submitted = ours->second.submitted;
    way.lane = request.lane;
    way.model = request.model;
    if (const auto standing = sender_.standing(task)) {
      way.node = nodes_[standing->node.value].name;
      way.offered = standing->offered;
      way.accepted = standing->held;
      way.deadline = standing->deadline;
    }
  }
  // Whoever gives us tasks is one of a few; an id that two of them use may be either's.
  for (const auto& [id, origin] : origins_) {
    const auto theirs = theirs_.find({id, task});
    if (theirs == theirs_.end() || theirs->second.result) continue;
    found.here = theirs->second.ours;
    found.from = id == own ? "" : origin.name;
  }
  return found;
}

}  // namespace troupe::actors
