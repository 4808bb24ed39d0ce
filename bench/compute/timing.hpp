// Times of what one thread computes, in CPU time of that thread: what others take of the machine
// meanwhile does not count, only what they leave in the caches.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/harness/paired.hpp"
#include "bench/harness/scenario.hpp"

namespace troupe::bench::compute {

using harness::Progress;
using harness::RunOptions;
using harness::ScenarioResult;

using Call = std::function<void()>;

// Of the calling thread, since it began.
Duration thread_time() noexcept;

// How long one call takes: the mean over as many calls as `at_least` needs, one at the least.
double seconds_per_call(Duration at_least, const Call& call);

// How much a scenario may spend: `pairs` samples of each side, each of `sample` or of one call.
struct Effort {
  Duration sample{};
  std::size_t pairs = 1;
  explicit Effort(const RunOptions& options);
};

// Seconds per call of two things that are measured in turns. Each is called once before, which
// brings its data into the caches. Errors: canceled.
Result<harness::Comparison> compare_calls(const RunOptions& options, const Call& a, const Call& b);

// Where each sample of the first or second is a value of its own (a rate, say).
using Measure = std::function<double()>;
Result<harness::Comparison> compare_values(const RunOptions& options, const Measure& a,
                                           const Measure& b);

}  // namespace troupe::bench::compute
