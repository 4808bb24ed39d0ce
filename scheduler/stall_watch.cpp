#include "scheduler/stall_watch.hpp"

#include <algorithm>

namespace troupe::scheduler {

void StallWatch::pass(Instant now) noexcept {
  if (last_ != never && now > last_) seen_ += std::min(now - last_, step_max());
  last_ = now;
}

Instant StallWatch::due(Duration predicted) const noexcept {
  constexpr double longest_ns = 1e17;  // three years: absurd predictions must not overflow
  const double ns = std::max(static_cast<double>(predicted.count()), 0.0) * patience_.factor;
  const Duration all{static_cast<Duration::rep>(std::min(ns, longest_ns))};
  return later(seen_, patience_.least + all);
}

void StallWatch::launched(Instant now, const Launch& launch) {
  pass(now);
  Held batch{launch.worker, launch.batch, launch.entry, launch.predicted, seen_, never};
  if (launch.entry == Entry::inside) {
    Duration before{};
    for (const Held& other : held_)
      if (other.worker == launch.worker && other.entry == Entry::inside) before += other.predicted;
    batch.due = due(before + launch.predicted);
  }
  held_.push_back(batch);
  if (launch.entry == Entry::in_turn) begin_next(launch.worker);
}

void StallWatch::finished(Instant now, WorkerId worker, BatchId batch) {
  pass(now);
  const auto done = std::find_if(held_.begin(), held_.end(), [&](const Held& one) {
    return one.worker == worker && one.batch == batch;
  });
  if (done == held_.end()) return;
  const Held was = *done;
  held_.erase(done);
  if (was.entry == Entry::in_turn) return begin_next(worker);
  // What it paused was paused for no longer than that.
  for (Held& other : held_)
    if (other.worker == worker && other.entry == Entry::in_turn && other.due != never)
      other.due = later(other.due, seen_ - was.launched);
}

// The oldest in turn runs, from now on if it did not run already.
void StallWatch::begin_next(WorkerId worker) noexcept {
  for (Held& one : held_) {
    if (one.worker != worker || one.entry != Entry::in_turn) continue;
    if (one.due == never) one.due = due(one.predicted);
    return;
  }
}

void StallWatch::left(WorkerId worker) {
  std::erase_if(held_, [&](const Held& one) { return one.worker == worker; });
}

std::optional<WorkerId> StallWatch::stalled(Instant now) {
  pass(now);
  for (const Held& one : held_)
    if (one.due <= seen_) return one.worker;
  return std::nullopt;
}

Instant StallWatch::next_look() const noexcept {
  if (held_.empty()) return never;
  Instant first = never;
  for (const Held& one : held_) first = std::min(first, one.due);
  return later(last_, std::min(first - seen_, step_max()));
}

}  // namespace troupe::scheduler
