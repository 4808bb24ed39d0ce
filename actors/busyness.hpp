// How busy a node's devices are, for those who choose where a task goes: written by the
// dispatcher's thread after each round, read by any. A wait is kept as the instant at which it
// ends, so that it passes while nobody writes.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/node_load.hpp"

namespace troupe::actors {

struct Busyness {
  NodeLoad load;
  Duration task{};  // what one of its latest tasks took of the node's time; zero while unknown
};

class BusyGauge {
 public:
  // On the dispatcher's thread.
  void landed(Duration busy, std::size_t tasks);  // a batch that is done
  void set(Instant now, const NodeLoad& load, std::size_t devices);

  // On any. The parts may be of neighbouring rounds.
  [[nodiscard]] Busyness read(Instant now) const;

 private:
  // Of the latest few dozen batches, older ones counting less.
  double busy_ns_ = 0;
  double tasks_ = 0;

  alignas(64) std::atomic<Instant> ordinary_begins_{Instant{}};
  std::atomic<Instant> urgent_begins_{Instant{}};
  std::atomic<Duration> task_{Duration::zero()};
};

}  // namespace troupe::actors
