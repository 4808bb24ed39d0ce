// A device on the virtual clock. It runs one batch at a time; ordinary ones in the order they came.
// An urgent batch does not wait for an ordinary one: it starts at the next tile boundary of the
// running batch, which goes on afterwards where it stood, having lost nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/id.hpp"
#include "base/lane.hpp"
#include "base/time.hpp"

namespace troupe::sim {

class SimDevice {
 public:
  struct Done {
    BatchId batch;
    Lane lane = Lane::ordinary;
  };

  explicit SimDevice(Duration tile) : tile_(tile) {}

  void submit(Instant now, Lane lane, BatchId batch, Duration work);
  // When it needs the clock next; nothing while it is idle.
  [[nodiscard]] std::optional<Instant> next() const noexcept {
    return running_ ? ends_ : std::nullopt;
  }
  // Call at next(): a batch that ended, or nothing when one only made way.
  std::optional<Done> advance(Instant now);
  // It is lost, with all it held.
  void clear();

  [[nodiscard]] std::uint64_t yields() const noexcept { return yields_; }

 private:
  struct Job {
    BatchId batch;
    Duration left{};
  };

  std::deque<Job>& queue(Lane lane) noexcept { return lane == Lane::urgent ? urgent_ : ordinary_; }
  void start(Instant now);

  Duration tile_;
  std::deque<Job> urgent_;
  std::deque<Job> ordinary_;
  std::optional<Lane> running_;  // the front of that queue runs
  Instant began_;                // this piece of it
  std::optional<Instant> ends_;  // this piece of it
  std::uint64_t yields_ = 0;
};

}  // namespace troupe::sim
