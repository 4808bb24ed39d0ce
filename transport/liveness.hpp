// Whether the other end of one conversation is alive, decided from what was heard of it and when.
//
// A conversation begins with hellos, then both sides send heartbeats at an interval, and a peer of
// which nothing was heard for `missed_max` intervals in a row is dead. Silence is counted in beats
// of our own, not read off the clock: if this process stood still for a minute, that is one beat,
// and the peer's messages that have piled up meanwhile speak for it.
//
// Sans-io: time comes in, decisions go out. The owner of the sockets calls advance() at next().
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace troupe::transport {

struct LivenessOptions {
  Duration interval = std::chrono::seconds(1);
  std::uint32_t missed_max = 3;       // beats without a sign of life, once the peer is up
  std::uint32_t hello_beats_max = 3;  // beats without an answer to our hello
};

class Liveness {
 public:
  Liveness(const LivenessOptions& options, Instant now) noexcept;

  enum class Change {
    none,       // it said hello again and is the one we know
    came_up,    // the first hello: the conversation begins
    restarted,  // it has a new epoch: what we knew of it is void
  };
  Change hello(std::uint64_t epoch) noexcept;

  // Anything valid from the peer is a sign of life.
  void heard() noexcept { heard_ = true; }

  struct Due {
    bool beat = false;  // send a heartbeat; before the peer is up: the hello again
    bool dead = false;  // give the peer up
  };
  Due advance(Instant now) noexcept;
  [[nodiscard]] Instant next() const noexcept { return next_; }

  [[nodiscard]] bool up() const noexcept { return up_; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }

 private:
  LivenessOptions options_;
  Instant next_;
  std::uint64_t epoch_ = 0;
  std::uint32_t missed_ = 0;
  bool up_ = false;
  bool heard_ = false;
};

}  // namespace troupe::transport
