#include "tests/sim/device.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::sim {

void SimDevice::submit(Instant now, Lane lane, BatchId batch, Duration work) {
  queue(lane).push_back({batch, work});
  if (!running_) {
    start(now);
  } else if (lane == Lane::urgent && running_ == Lane::ordinary) {
    const auto tiles = (now - began_ + tile_ - Duration{1}) / tile_;
    ends_ = std::min(*ends_, began_ + tiles * tile_);
  }
}

std::optional<SimDevice::Done> SimDevice::advance(Instant now) {
  TROUPE_ASSERT(running_ && *ends_ == now, "a device is called when it asked to be");
  const Lane lane = *running_;
  Job& job = queue(lane).front();
  job.left -= now - began_;
  running_.reset();
  std::optional<Done> done;
  if (job.left == Duration::zero()) {
    done = Done{job.batch, lane};
    queue(lane).pop_front();
  } else {
    ++yields_;
  }
  start(now);
  return done;
}

void SimDevice::clear() {
  urgent_.clear();
  ordinary_.clear();
  running_.reset();
}

void SimDevice::start(Instant now) {
  if (urgent_.empty() && ordinary_.empty()) return;
  running_ = urgent_.empty() ? Lane::ordinary : Lane::urgent;
  began_ = now;
  ends_ = now + queue(*running_).front().left;
}

}  // namespace troupe::sim
