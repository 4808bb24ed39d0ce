#include "delivery/executor.hpp"

#include <algorithm>

namespace troupe::delivery {

void Executor::handle(Instant now, const ExecutorEvent& event, ExecutorActions& out) {
  std::visit([&](const auto& one) { on(now, one, out); }, event);
}

void Executor::advance(Instant now, ExecutorActions& out) {
  while (const auto due = timers_.pop(now)) {
    const auto found = entries_.find({OriginId{due->part}, due->task});
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    if (now >= entry.until) {
      if (entry.state == State::finished) out.push_back(Drop{found->first.first, due->task});
      forget(found);
    } else {
      send(now, found, out);
    }
  }
}

bool Executor::knows(OriginId origin) const {
  const auto first = entries_.lower_bound({origin, TaskId{}});
  return first != entries_.end() && first->first.first == origin;
}

// --- events --------------------------------------------------------------------------------------

void Executor::on(Instant now, const Offered& event, ExecutorActions& out) {
  const Key key{event.origin, event.task};
  if (const auto found = entries_.find(key); found != entries_.end()) {
    Entry& entry = found->second;
    const bool anew = entry.again && event.attempt > entry.attempt;
    switch (entry.state) {
      case State::running:
        entry.attempt = std::max(entry.attempt, event.attempt);
        out.push_back(Accept{event.origin, event.task, event.attempt});
        return;
      case State::finished:
        entry.attempt = std::max(entry.attempt, event.attempt);
        send(now, found, out);
        return;
      case State::unwanted:
        return;
      case State::done:
        if (!anew) return;
        forget(found);
        break;
    }
  }
  if (active_ >= options_.tasks_max || result_bytes_ >= options_.result_bytes_max) {
    out.push_back(Reject{event.origin, event.task, event.attempt, true, options_.retry_after});
    return;
  }
  ++active_;
  Entry entry;
  entry.attempt = event.attempt;
  entries_.emplace(key, entry);
  out.push_back(Run{event.origin, event.task});
}

void Executor::on(Instant, const Stored& event, ExecutorActions& out) {
  const auto found = entries_.find({event.origin, event.task});
  if (found == entries_.end() || found->second.state != State::running) return;
  out.push_back(Accept{event.origin, event.task, found->second.attempt});
}

void Executor::on(Instant, const Refused& event, ExecutorActions& out) {
  const auto found = entries_.find({event.origin, event.task});
  if (found == entries_.end()) return;
  if (found->second.state == State::running)
    out.push_back(
        Reject{event.origin, event.task, found->second.attempt, false, event.retry_after});
  else
    out.push_back(Drop{event.origin, event.task});
  forget(found);
}

void Executor::on(Instant now, const Finished& event, ExecutorActions& out) {
  const auto found = entries_.find({event.origin, event.task});
  if (found == entries_.end() || found->second.state == State::finished ||
      found->second.state == State::done) {
    out.push_back(Drop{event.origin, event.task});
    return;
  }
  Entry& entry = found->second;
  if (entry.state == State::unwanted) {
    out.push_back(Drop{event.origin, event.task});
    remember(now, found);
    return;
  }
  entry.state = State::finished;
  entry.bytes = event.bytes;
  entry.again = event.again;
  entry.until = later(now, options_.keep);
  result_bytes_ += event.bytes;
  if (up_[event.origin])
    send(now, found, out);
  else
    arm(found->first, entry);
}

void Executor::on(Instant now, const Acknowledged& event, ExecutorActions& out) {
  const auto found = entries_.find({event.origin, event.task});
  if (found == entries_.end() || found->second.state != State::finished) return;
  out.push_back(Drop{event.origin, event.task});
  remember(now, found);
}

void Executor::on(Instant now, const Withdrawn& event, ExecutorActions& out) {
  const Key key{event.origin, event.task};
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    // It may have overtaken the offer.
    ++active_;
    remember(now, entries_.emplace(key, Entry{}).first);
    return;
  }
  switch (found->second.state) {
    case State::running:
      found->second.state = State::unwanted;
      out.push_back(Stop{event.origin, event.task});
      return;
    case State::finished:
      out.push_back(Drop{event.origin, event.task});
      remember(now, found);
      return;
    case State::unwanted:
    case State::done:
      return;
  }
}

void Executor::on(Instant now, const OriginUp& event, ExecutorActions& out) {
  up_[event.origin] = true;
  for_each_of(event.origin, [&](Entries::iterator entry) {
    if (entry->second.state != State::finished) return;
    entry->second.repeats = 0;
    send(now, entry, out);
  });
}

void Executor::on(Instant now, const OriginDown& event, ExecutorActions&) {
  up_.erase(event.origin);
  for_each_of(event.origin, [&](Entries::iterator entry) {
    if (entry->second.state != State::finished) return;
    entry->second.repeat_at = never;
    entry->second.until = later(now, options_.keep);
    arm(entry->first, entry->second);
  });
}

void Executor::on(Instant, const OriginGone& event, ExecutorActions& out) {
  up_.erase(event.origin);
  for_each_of(event.origin, [&](Entries::iterator entry) {
    const TaskId task = entry->first.second;
    switch (entry->second.state) {
      case State::running:
        entry->second.state = State::unwanted;
        out.push_back(Stop{event.origin, task});
        return;
      case State::finished:
        out.push_back(Drop{event.origin, task});
        forget(entry);
        return;
      case State::done:
        forget(entry);
        return;
      case State::unwanted:
        return;
    }
  });
}

// --- helpers -------------------------------------------------------------------------------------

void Executor::send(Instant now, Entries::iterator found, ExecutorActions& out) {
  Entry& entry = found->second;
  out.push_back(SendResult{found->first.first, found->first.second});
  const Duration pause = std::min(options_.repeat_after_max,
                                  options_.repeat_after * (1L << std::min(entry.repeats++, 20U)));
  entry.repeat_at = up_[found->first.first] ? later(now, pause) : never;
  arm(found->first, entry);
}

void Executor::remember(Instant now, Entries::iterator found) {
  Entry& entry = found->second;
  if (entry.state == State::finished) result_bytes_ -= entry.bytes;
  entry.state = State::done;
  entry.bytes = 0;
  entry.until = later(now, options_.remember);
  entry.repeat_at = never;
  --active_;
  arm(found->first, entry);
  remembered_order_.push_back(found->first);
  while (remembered() > options_.remembered_max ||
         remembered_order_.size() > 2 * std::size_t{options_.remembered_max}) {
    const auto oldest = entries_.find(remembered_order_.front());
    remembered_order_.pop_front();
    if (oldest != entries_.end() && oldest->second.state == State::done) forget(oldest);
  }
}

void Executor::forget(Entries::iterator found) {
  if (found->second.state != State::done) --active_;
  if (found->second.state == State::finished) result_bytes_ -= found->second.bytes;
  timers_.clear({found->first.first.value, found->first.second});
  entries_.erase(found);
}

void Executor::arm(const Key& key, const Entry& entry) {
  timers_.set({key.first.value, key.second}, std::min(entry.until, entry.repeat_at));
}

// `what` may forget the entry that it is given.
template <class Do>
void Executor::for_each_of(OriginId origin, Do what) {
  for (auto entry = entries_.lower_bound({origin, TaskId{}});
       entry != entries_.end() && entry->first.first == origin;)
    what(entry++);
}

}  // namespace troupe::delivery
