#include "sim/device.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::sim {

void Device::submit(Instant now, Entry entry, std::uint32_t batch, Duration work) {
  TROUPE_ASSERT(work > Duration::zero(), "a batch takes time");
  (entry == Entry::inside ? inside_ : in_turn_).push_back({batch, work, Duration::zero()});
  if (running_ == Running::none)
    start(now);
  else if (entry == Entry::inside && running_ == Running::in_turn)
    make_way(now);
}

std::optional<std::uint32_t> Device::advance(Instant now) {
  TROUPE_ASSERT(running_ != Running::none && ends_ == now, "a device is called when it asked");
  auto& queue = running_ == Running::inside ? inside_ : in_turn_;
  Job& job = queue.front();
  const Duration piece = now - began_;
  job.left -= piece;
  job.done += piece;
  busy_ += piece;
  std::optional<std::uint32_t> ended;
  if (job.left == Duration::zero()) {
    ended = job.batch;
    queue.pop_front();
  } else {
    ++pauses_;
  }
  start(now);
  return ended;
}

void Device::clear(Instant now) {
  busy_ = busy(now);
  in_turn_.clear();
  inside_.clear();
  silent_ = false;
  start(now);
}

void Device::start(Instant now) {
  running_ = !inside_.empty()    ? Running::inside
             : !in_turn_.empty() ? Running::in_turn
                                 : Running::none;
  began_ = now;
  ends_ = running_ == Running::none
              ? never
              : now + (running_ == Running::inside ? inside_ : in_turn_).front().left;
}

// The piece ends at the running batch's next tile boundary, or with the batch if that comes first.
void Device::make_way(Instant now) {
  if (tile_ <= Duration::zero()) return;
  const Duration done = in_turn_.front().done;
  const Duration progress = done + (now - began_);
  const Duration boundary = (progress + tile_ - Duration{1}) / tile_ * tile_;
  ends_ = std::min(ends_, began_ + (boundary - done));
}

}  // namespace troupe::sim
