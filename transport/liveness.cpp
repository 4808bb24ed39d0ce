#include "transport/liveness.hpp"

namespace troupe::transport {

Liveness::Liveness(const LivenessOptions& options, Instant now) noexcept
    : options_(options), next_(later(now, options.interval)) {}

Liveness::Change Liveness::hello(std::uint64_t epoch) noexcept {
  heard_ = true;
  if (!up_) {
    up_ = true;
    epoch_ = epoch;
    missed_ = 0;
    return Change::came_up;
  }
  return epoch == epoch_ ? Change::none : Change::restarted;
}

Liveness::Due Liveness::advance(Instant now) noexcept {
  if (now < next_) return {};
  // From now, not from when it was due: beats that were slept through are not made up for.
  next_ = later(now, options_.interval);
  missed_ = heard_ ? 0 : missed_ + 1;
  heard_ = false;
  const bool dead = missed_ >= (up_ ? options_.missed_max : options_.hello_beats_max);
  return {.beat = !dead, .dead = dead};
}

}  // namespace troupe::transport
