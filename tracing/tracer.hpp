// A process's traces: it hands out ids, decides which traces that begin here are sampled, and holds
// the spans that are recorded until somebody takes them away (exporter.hpp).
//
// Nothing waits for it: spans that find it full are dropped and counted, and one that nobody wants
// recorded costs a look at a flag. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "base/time.hpp"
#include "tracing/span.hpp"

namespace troupe::tracing {

struct TracerOptions {
  bool records = false;  // somebody takes the spans
  double sample = 0;     // of the traces that begin here
  std::size_t spans_max = 16'384;
};

struct SpanCounts {
  std::uint64_t exported = 0;
  std::uint64_t dropped = 0;
};

class Tracer {
 public:
  // `seed` comes from the system's entropy in programs and from the test in tests: it makes the
  // ids.
  Tracer(TracerOptions options, std::uint64_t seed) : options_(options), seed_(seed) {}

  // Never 0.
  [[nodiscard]] std::uint64_t new_span() noexcept;
  // A new trace, by chance a sampled one, and its first span.
  [[nodiscard]] Trace begin() noexcept;
  // The same if every task is to have one, because some are sampled; else none.
  [[nodiscard]] Trace begin_if_sampling() noexcept;

  // Whether spans of that trace are recorded: only then are they worth forming.
  [[nodiscard]] bool records(const Trace& trace) const noexcept {
    return trace.sampled && options_.records && !trace.is_none();
  }
  void record(Span&& span);

  // The oldest, at most so many.
  std::vector<Span> take(std::size_t spans_max);
  // Until so many wait (0: however many), the limit has passed, or wake() was called.
  void wait(std::size_t spans, Duration limit);
  void wake();

  void exported(std::size_t spans) noexcept { exported_ += spans; }
  void dropped(std::size_t spans) noexcept { dropped_ += spans; }
  [[nodiscard]] SpanCounts counts() const noexcept { return {exported_, dropped_}; }

 private:
  [[nodiscard]] std::uint64_t draw() noexcept;
  // It asks nobody to record what it does not record itself.
  [[nodiscard]] bool samples() const noexcept { return options_.records && options_.sample > 0; }

  const TracerOptions options_;
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> drawn_{0};
  std::atomic<std::uint64_t> exported_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Span> waiting_;  // guarded by mutex_, as what follows
  std::size_t wanted_ = 0;    // by who waits; 0: nobody
  bool woken_ = false;
};

}  // namespace troupe::tracing
