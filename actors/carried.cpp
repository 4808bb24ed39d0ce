#include "actors/carried.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::actors {
namespace {

constexpr std::size_t places_min = 256;

}  // namespace

// Ids count upwards, so neighbours lie beside each other.
std::size_t CarriedTasks::place_of(TaskId id) const noexcept {
  return (id.high * 0x9e3779b97f4a7c15ULL + id.low) & (places_.size() - 1);
}

std::size_t CarriedTasks::distance(std::size_t place) const noexcept {
  return (place - place_of(tasks_[places_[place] - 1].record.id)) & (places_.size() - 1);
}

CarriedTasks::Slot CarriedTasks::add(Carried&& task) {
  TROUPE_ASSERT(!find(task.record.id), "the door gave one id to two tasks");
  if (2 * (size_ + 1) > places_.size()) grow();
  if (free_.empty()) {
    free_.push_back(static_cast<Slot>(tasks_.size()));
    tasks_.emplace_back();
  }
  const Slot slot = free_.back();
  free_.pop_back();
  tasks_[slot] = std::move(task);
  put(slot);
  ++size_;
  return slot;
}

// Whoever is nearer to home gives way, so that nobody behind one who is at home belongs before it.
void CarriedTasks::put(Slot slot) {
  std::size_t place = place_of(tasks_[slot].record.id);
  Slot moving = slot + 1;
  for (std::size_t far = 0; places_[place] != 0; ++far, place = (place + 1) & (places_.size() - 1))
    if (const std::size_t here = distance(place); here < far) {
      std::swap(moving, places_[place]);
      far = here;
    }
  places_[place] = moving;
}

std::optional<CarriedTasks::Slot> CarriedTasks::find(TaskId id) const noexcept {
  if (size_ == 0) return std::nullopt;
  std::size_t place = place_of(id);
  for (std::size_t far = 0; places_[place] != 0 && distance(place) >= far;
       ++far, place = (place + 1) & (places_.size() - 1)) {
    const Slot slot = places_[place] - 1;
    if (tasks_[slot].record.id == id) return slot;
  }
  return std::nullopt;
}

void CarriedTasks::forget(Slot slot) {
  const std::size_t mask = places_.size() - 1;
  std::size_t hole = place_of(tasks_[slot].record.id);
  while (places_[hole] != slot + 1) {
    TROUPE_ASSERT(places_[hole] != 0, "a task is forgotten once");
    hole = (hole + 1) & mask;
  }
  // Those behind it move up, to the first who is at home: in a long queue that is the next.
  for (std::size_t next = (hole + 1) & mask; places_[next] != 0 && distance(next) != 0;
       next = (next + 1) & mask) {
    places_[hole] = places_[next];
    hole = next;
  }
  places_[hole] = 0;
  tasks_[slot].work = {};
  tasks_[slot].reply = {};
  free_.push_back(slot);
  --size_;
}

void CarriedTasks::grow() {
  const auto slots = all();
  places_.assign(std::max(places_min, places_.size() * 2), 0);
  for (const Slot slot : slots) put(slot);
}

std::vector<CarriedTasks::Slot> CarriedTasks::all() const {
  std::vector<Slot> slots;
  for (const Slot place : places_)
    if (place != 0) slots.push_back(place - 1);
  return slots;
}

}  // namespace troupe::actors
