// One number for when a policy was called and all that it answered: two runs that made different
// decisions differ in it, in all likelihood, whatever the machine.
#pragma once

#include <cstdint>

#include "sim/observer.hpp"

namespace troupe::sim {

class DecisionHash {
 public:
  void add(const Step& step) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

 private:
  // FNV-1a, a word at a time.
  void word(std::uint64_t value) noexcept {
    hash_ = (hash_ ^ value) * 0x100000001b3ULL;
    hash_ ^= hash_ >> 29;
  }
  void task(TaskId id) noexcept {
    word(id.high);
    word(id.low);
  }
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace troupe::sim
