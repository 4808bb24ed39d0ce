#include "tracing/tracer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/random.hpp"

namespace troupe::tracing {

// One step of the sequence that Random walks, taken by whoever comes.
std::uint64_t Tracer::draw() noexcept {
  constexpr std::uint64_t stride = 0x9e3779b97f4a7c15ULL;
  return Random(seed_ + stride * drawn_.fetch_add(1, std::memory_order_relaxed)).next();
}

std::uint64_t Tracer::new_span() noexcept {
  std::uint64_t id = draw();
  while (id == 0) id = draw();
  return id;
}

Trace Tracer::begin() noexcept {
  Trace trace{new_span(), draw(), new_span(), false};
  trace.sampled = samples() && Random(trace.low).chance(options_.sample);
  return trace;
}

Trace Tracer::begin_if_sampling() noexcept {
  return samples() ? begin() : Trace{};
}

void Tracer::record(Span&& span) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.spans_max) {
      ++dropped_;
      return;
    }
    waiting_.push_back(std::move(span));
    if (wanted_ == 0 || waiting_.size() < wanted_) return;
    wanted_ = 0;
  }
  changed_.notify_one();
}

std::vector<Span> Tracer::take(std::size_t spans_max) {
  const std::lock_guard lock(mutex_);
  const auto end =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(spans_max, waiting_.size()));
  std::vector<Span> taken(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return taken;
}

void Tracer::wait(std::size_t spans, Duration limit) {
  std::unique_lock lock(mutex_);
  wanted_ = spans;
  changed_.wait_for(lock, limit,
                    [&] { return woken_ || (spans != 0 && waiting_.size() >= spans); });
  wanted_ = 0;
}

void Tracer::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

}  // namespace troupe::tracing
