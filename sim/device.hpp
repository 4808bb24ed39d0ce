// A device on the virtual clock.
//
// It runs one batch at a time, those in turn in the order they came. A batch inside does not wait
// for the one that runs: it starts at that one's next tile boundary, counted from its own progress,
// and it goes on afterwards where it stood, having lost nothing. Several inside run one after the
// other. On an idle device a batch inside just runs.
//
// Not thread-safe; one world owns it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/launch.hpp"
#include "base/time.hpp"

namespace troupe::sim {

class Device {
 public:
  explicit Device(Duration tile) : tile_(tile) {}

  // `batch` is whatever the caller knows it by; `work` is above zero.
  void submit(Instant now, Entry entry, std::uint32_t batch, Duration work);
  // When it needs the clock next; `never` while it is idle or silent.
  [[nodiscard]] Instant next() const noexcept { return silent_ ? never : ends_; }
  // Call at next(): the batch that ended, or nothing when one only made way.
  std::optional<std::uint32_t> advance(Instant now);
  // From now on nothing on it comes to an end.
  void fall_silent(Instant now) noexcept {
    busy_ = busy(now);
    silent_ = true;
  }
  // It is lost with all it held, and here again, empty.
  void clear(Instant now);

  [[nodiscard]] bool idle() const noexcept { return in_turn_.empty() && inside_.empty(); }
  // It has computed so long by now, for batches that ended or not.
  [[nodiscard]] Duration busy(Instant now) const noexcept {
    return running_ == Running::none || silent_ ? busy_ : busy_ + (now - began_);
  }
  [[nodiscard]] std::uint64_t pauses() const noexcept { return pauses_; }

 private:
  struct Job {
    std::uint32_t batch = 0;
    Duration left{};
    Duration done{};
  };
  enum class Running : std::uint8_t { none, in_turn, inside };

  void start(Instant now);
  void make_way(Instant now);

  Duration tile_;
  std::deque<Job> in_turn_;
  std::deque<Job> inside_;
  Running running_ = Running::none;  // the front of that queue
  Instant began_;                    // this piece of it
  Instant ends_ = never;             // this piece of it
  Duration busy_{};                  // pieces before this one
  std::uint64_t pauses_ = 0;
  bool silent_ = false;
};

}  // namespace troupe::sim
