// How spans leave for a collector: some together, again after a pause where it is busy or away, and
// not for ever. Decides only: the time, the posting and the collector are its arguments.
//
// While a batch waits to be tried again, newer spans wait in the tracer, which drops what is over
// its limit: a collector that is away costs memory up to that limit, and nothing else.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "tracing/tracer.hpp"

namespace troupe::tracing {

struct ShipmentOptions {
  std::size_t spans_max = 512;                   // in one batch
  Duration linger = std::chrono::seconds(1);     // how long spans wait for company
  Duration pause_min = std::chrono::seconds(1);  // before a batch is tried again; it doubles
  Duration pause_max = std::chrono::seconds(30);
  std::size_t tries_max = 5;  // of a batch, then it is dropped
};

// What came of posting a batch.
struct Answer {
  unsigned status = 0;  // HTTP's; 0: none came
  std::optional<Duration> retry_after = std::nullopt;
};
using Post = std::function<Answer(const std::vector<Span>& batch)>;

class Shipment {
 public:
  // `tracer` outlives it. `told_lost` hears of each batch that is dropped.
  Shipment(ShipmentOptions options, Tracer& tracer, Post post,
           std::function<void(const Answer&, std::size_t spans)> told_lost);

  // Does what is due, and says when to call again, or how many spans must wait to call earlier.
  struct Next {
    Duration in{};
    std::size_t spans = 0;  // 0: whatever comes, not earlier
  };
  Next work(Instant at);

  // The last words: one more try of what is left.
  void finish();

 private:
  // Whether the batch in hand is done with.
  bool ship(Instant at);
  void lose(const Answer& answer);

  const ShipmentOptions options_;
  Tracer& tracer_;
  const Post post_;
  const std::function<void(const Answer&, std::size_t)> told_lost_;
  std::vector<Span> batch_;  // in hand; not empty: to be tried again at retry_at_
  std::size_t tries_ = 0;
  Duration pause_{};
  Instant retry_at_;
};

}  // namespace troupe::tracing
