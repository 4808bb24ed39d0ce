// A binary heap over entries that live elsewhere, which can also give up one from its middle: a
// canceled task leaves in O(log n), like the first one.
//
// The heap holds slots, indices into the owner's vector of entries; each entry knows its place in
// the heap. `Order` says which entry goes first and where an entry keeps that place:
//
//   static bool before(const Entry& a, const Entry& b);   // strict and total
//   static std::uint32_t& place(Entry& entry);
//
// Not thread-safe; one lane owns it. The entries are handed to every call because their vector may
// have moved in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"

namespace troupe::scheduler {

template <class Entry, class Order>
class TaskHeap {
 public:
  using Slot = std::uint32_t;

  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

  [[nodiscard]] Slot first() const noexcept {
    TROUPE_ASSERT(!heap_.empty(), "the first of an empty heap was asked for");
    return heap_.front();
  }

  void push(std::vector<Entry>& entries, Slot slot) {
    heap_.push_back(slot);
    rise(entries, heap_.size() - 1, slot);
  }

  void remove(std::vector<Entry>& entries, Slot slot) {
    const std::size_t hole = Order::place(entries[slot]);
    TROUPE_ASSERT(hole < heap_.size() && heap_[hole] == slot, "a task is where its heap put it");
    const Slot last = heap_.back();
    heap_.pop_back();
    if (last == slot) return;
    // The last one fills the hole; it may belong above or below it.
    if (hole > 0 && Order::before(entries[last], entries[heap_[(hole - 1) / 2]]))
      rise(entries, hole, last);
    else
      sink(entries, hole, last);
  }

 private:
  void put(std::vector<Entry>& entries, std::size_t at, Slot slot) {
    heap_[at] = slot;
    Order::place(entries[slot]) = static_cast<std::uint32_t>(at);
  }

  void rise(std::vector<Entry>& entries, std::size_t at, Slot slot) {
    while (at > 0) {
      const std::size_t parent = (at - 1) / 2;
      if (!Order::before(entries[slot], entries[heap_[parent]])) break;
      put(entries, at, heap_[parent]);
      at = parent;
    }
    put(entries, at, slot);
  }

  void sink(std::vector<Entry>& entries, std::size_t at, Slot slot) {
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() &&
          Order::before(entries[heap_[child + 1]], entries[heap_[child]]))
        ++child;
      if (!Order::before(entries[heap_[child]], entries[slot])) break;
      put(entries, at, heap_[child]);
      at = child;
    }
    put(entries, at, slot);
  }

  std::vector<Slot> heap_;
};

}  // namespace troupe::scheduler
