// The one with the least counter among many whose counters only grow.
//
// The heap keeps the counter that each had when it was last looked at; whoever comes to the top
// with a counter that has grown since is put back where it belongs. So nothing needs to be told
// when a counter grows, and a look at the top costs O(log n) amortised.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace troupe::scheduler {

class LazyHeap {
 public:
  void push(double counter, std::uint32_t who) {
    heap_.push_back({counter, ++pushed_, who});
    std::push_heap(heap_.begin(), heap_.end(), after);
  }

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

  // The one whose counter, by `counter_of(who)`, is least; of equals the one that came first. Those
  // for which `gone(who)` holds are dropped on the way. Nobody: `none`.
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  template <class CounterOf, class Gone>
  std::uint32_t least(const CounterOf& counter_of, const Gone& gone) {
    while (!heap_.empty()) {
      const Item top = heap_.front();
      if (gone(top.who)) {
        pop();
        continue;
      }
      const double counter = counter_of(top.who);
      if (counter <= top.counter) return top.who;
      pop();
      heap_.push_back({counter, top.order, top.who});
      std::push_heap(heap_.begin(), heap_.end(), after);
    }
    return none;
  }

 private:
  struct Item {
    double counter = 0;
    std::uint64_t order = 0;
    std::uint32_t who = 0;
  };
  static bool after(const Item& a, const Item& b) noexcept {
    return a.counter != b.counter ? a.counter > b.counter : a.order > b.order;
  }
  void pop() {
    std::pop_heap(heap_.begin(), heap_.end(), after);
    heap_.pop_back();
  }

  std::vector<Item> heap_;
  std::uint64_t pushed_ = 0;
};

}  // namespace troupe::scheduler
