#include "actors/explanations.hpp"

namespace troupe::actors {

void Explanations::add(const std::vector<Explanation>& more) {
  const std::lock_guard lock(mutex_);
  for (const Explanation& one : more) {
    if (ring_.size() < tasks_max)
      ring_.push_back(one);
    else
      ring_[next_] = one;
    next_ = (next_ + 1) % tasks_max;
  }
}

std::optional<Explanation> Explanations::find(TaskId id) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t back = 1; back <= ring_.size(); ++back) {
    const Explanation& one = ring_[(next_ + tasks_max - back) % tasks_max];
    if (one.record.id == id || one.known_as == id) return one;
  }
  return std::nullopt;
}

}  // namespace troupe::actors
