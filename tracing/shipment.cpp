#include "tracing/shipment.hpp"

#include <algorithm>
#include <utility>

namespace troupe::tracing {
namespace {

bool is_taken(const Answer& answer) {
  return answer.status >= 200 && answer.status < 300;
}

// By OTLP's list; what it does not name would fail again.
bool may_be_tried_again(const Answer& answer) {
  return answer.status == 0 || answer.status == 429 || answer.status == 502 ||
         answer.status == 503 || answer.status == 504;
}

}  // namespace

Shipment::Shipment(ShipmentOptions options, Tracer& tracer, Post post,
                   std::function<void(const Answer&, std::size_t spans)> told_lost)
    : options_(options),
      tracer_(tracer),
      post_(std::move(post)),
      told_lost_(std::move(told_lost)) {}

Shipment::Next Shipment::work(Instant at) {
  if (!batch_.empty() && at < retry_at_) return {retry_at_ - at, 0};
  // One batch a call: whoever asks may be told to end in between.
  if (batch_.empty()) batch_ = tracer_.take(options_.spans_max);
  if (batch_.empty()) return {options_.linger, options_.spans_max};
  const bool full = batch_.size() == options_.spans_max;
  if (!ship(at)) return {retry_at_ - at, 0};
  return full ? Next{Duration::zero(), 0} : Next{options_.linger, options_.spans_max};
}

bool Shipment::ship(Instant at) {
  const Answer answer = post_(batch_);
  if (is_taken(answer)) {
    tracer_.exported(batch_.size());
  } else if (may_be_tried_again(answer) && ++tries_ < options_.tries_max) {
    pause_ = std::clamp(2 * pause_, options_.pause_min, options_.pause_max);
    retry_at_ = later(at, std::clamp(answer.retry_after.value_or(pause_), options_.pause_min,
                                     options_.pause_max));
    return false;
  } else {
    lose(answer);
  }
  batch_.clear();
  tries_ = 0;
  pause_ = {};
  return true;
}

void Shipment::lose(const Answer& answer) {
  tracer_.dropped(batch_.size());
  told_lost_(answer, batch_.size());
}

void Shipment::finish() {
  if (batch_.empty()) batch_ = tracer_.take(options_.spans_max);
  while (!batch_.empty()) {
    const Answer answer = post_(batch_);
    if (!is_taken(answer)) {
      lose(answer);
      const auto left = tracer_.take(static_cast<std::size_t>(-1));
      tracer_.dropped(left.size());
      batch_.clear();
      return;
    }
    tracer_.exported(batch_.size());
    batch_ = tracer_.take(options_.spans_max);
  }
}

}  // namespace troupe::tracing
