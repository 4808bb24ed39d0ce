#include "delivery/timetable.hpp"

namespace troupe::delivery {

void Timetable::set(const TimerKey& key, Instant at) {
  if (const auto found = when_.find(key); found != when_.end()) {
    order_.erase({found->second, key});
    when_.erase(found);
  }
  if (at == never) return;
  when_.emplace(key, at);
  order_.emplace(at, key);
}

std::optional<TimerKey> Timetable::pop(Instant now) {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  const TimerKey key = order_.begin()->second;
  order_.erase(order_.begin());
  when_.erase(key);
  return key;
}

std::optional<Instant> Timetable::next() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

}  // namespace troupe::delivery
