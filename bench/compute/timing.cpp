#include "bench/compute/timing.hpp"

#include <ctime>

namespace troupe::bench::compute {
namespace {

constexpr Duration sample_usual = std::chrono::milliseconds(100);

double in_seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Duration thread_time() noexcept {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

double seconds_per_call(Duration at_least, const Call& call) {
  // Reading this clock is a system call, so it is read rarely.
  for (std::size_t calls = 1;; calls *= 2) {
    const Duration from = thread_time();
    for (std::size_t i = 0; i < calls; ++i) call();
    const Duration taken = thread_time() - from;
    if (taken >= at_least || taken > std::chrono::seconds(1))
      return in_seconds(taken) / static_cast<double>(calls);
  }
}

Effort::Effort(const RunOptions& options)
    : sample(options.run_length.value_or(sample_usual)), pairs(options.pairs) {}

Result<harness::Comparison> compare_values(const RunOptions& options, const Measure& a,
                                           const Measure& b) {
  const auto guarded = [&](const Measure& measure) -> std::function<Result<double>()> {
    return [&options, &measure]() -> Result<double> {
      if (options.is_interrupted()) return harness::interrupted_error();
      return measure();
    };
  };
  const auto pairs = harness::run_pairs<double>(options.pairs, guarded(a), guarded(b));
  if (!pairs) return pairs.error();
  return harness::compare(*pairs);
}

Result<harness::Comparison> compare_calls(const RunOptions& options, const Call& a, const Call& b) {
  const Effort effort(options);
  a();
  b();
  return compare_values(
      options, [&] { return seconds_per_call(effort.sample, a); },
      [&] { return seconds_per_call(effort.sample, b); });
}

}  // namespace troupe::bench::compute
