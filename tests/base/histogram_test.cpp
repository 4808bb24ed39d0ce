#include "base/histogram.hpp"

#include "base/octave_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("an empty histogram has no samples and no latency") {
  const DurationHistogram empty;
  CHECK(empty.count() == 0);
  CHECK(empty.quantile(0.5) == 0ns);
  CHECK(empty.quantile(1.0) == 0ns);
}

TEST_CASE("quantiles are never below the exact ones, nor more than a bucket above") {
  Random random(21);
  DurationHistogram histogram;
  std::vector<Duration> samples;
  for (int i = 0; i < 20000; ++i) {
    // From a microsecond to a quarter of an hour, evenly in the logarithm.
    const Duration sample{static_cast<Duration::rep>(std::exp(6.9 + 20.6 * random.unit()))};
    samples.push_back(sample);
    histogram.add(sample);
  }
  std::sort(samples.begin(), samples.end());
  CHECK(histogram.count() == samples.size());
  for (const double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto exact = samples[static_cast<std::size_t>(q * 19999.0)];
    INFO(q);
    CHECK(histogram.quantile(q) >= exact);
    // A bucket is a microsecond wide, or a thirty-second of its value.
    CHECK(histogram.quantile(q) <= exact + std::max<Duration>(1us, exact / 32) + 1us);
  }
}

TEST_CASE("what lies outside the range is counted at its edges") {
  DurationHistogram histogram;
  histogram.add(-5ms);
  histogram.add(0ns);
  CHECK(histogram.quantile(1.0) == 1us);
  histogram.add(Duration::max());
  histogram.add(std::chrono::hours(1000));
  CHECK(histogram.count() == 4);
  CHECK(histogram.quantile(1.0) > std::chrono::hours(1));
  CHECK(histogram.quantile(0.0) == 1us);
}

TEST_CASE("merged histograms answer as one that saw everything") {
  Random random(22);
  DurationHistogram left;
  DurationHistogram right;
  DurationHistogram both;
  for (int i = 0; i < 5000; ++i) {
    const Duration sample{random.between(0, 50'000'000)};
    (i % 3 == 0 ? left : right).add(sample);
    both.add(sample);
  }
  left.merge(right);
  CHECK(left.count() == 5000);
  for (int percent = 0; percent <= 100; ++percent)
    CHECK(left.quantile(percent / 100.0) == both.quantile(percent / 100.0));
}

TEST_CASE("the median of a few samples is one of them") {
  DurationHistogram histogram;
  for (const auto sample : {1ms, 2ms, 100ms}) histogram.add(sample);
  CHECK(histogram.quantile(0.5) >= 2ms);
  CHECK(histogram.quantile(0.5) < 2100us);
  CHECK(histogram.quantile(1.0) >= 100ms);
}

TEST_CASE("sums and counts below a power of two of microseconds are exact") {
  Random random(23);
  DurationHistogram histogram;
  std::vector<Duration> samples;
  Duration sum{};
  for (int i = 0; i < 20000; ++i) {
    const Duration sample{random.between(0, 40'000'000)};
    samples.push_back(sample);
    sum += sample;
    histogram.add(sample);
  }
  CHECK(histogram.sum() == sum);
  for (std::int64_t us = 1; us <= 65536; us *= 2) {
    const Duration bound = std::chrono::microseconds(us);
    const auto below = std::count_if(samples.begin(), samples.end(),
                                     [&](Duration sample) { return sample < bound; });
    INFO(us);
    CHECK(histogram.count_below(bound) == static_cast<std::uint64_t>(below));
  }
  histogram.merge(histogram);
  CHECK(histogram.sum() == 2 * sum);
}

TEST_CASE("powers of two count below their bounds what the finer buckets count there") {
  Random random(7);
  DurationHistogram fine;
  OctaveHistogram coarse;
  for (int i = 0; i < 20000; ++i) {
    const Duration sample{random.between(-5, 10) * random.between(0, 20'000'000'000)};
    fine.add(sample);
    coarse.add(sample);
  }
  coarse.add(std::chrono::hours(30));
  CHECK(coarse.count() == fine.count() + 1);
  for (std::size_t i = 0; i < OctaveHistogram::bounds; ++i) {
    const Duration bound = std::chrono::microseconds(OctaveHistogram::first_us << i);
    INFO(bound.count());
    CHECK(coarse.count_below(bound) == fine.count_below(bound));
    CHECK(fine.count_between(bound / 2, bound) ==
          fine.count_below(bound) - fine.count_below(bound / 2));
    if (i != 0)  // half of the first is none of the bounds
      CHECK(coarse.count_between(bound / 2, bound) == fine.count_between(bound / 2, bound));
  }
  CHECK(fine.count_between(Duration::zero(), std::chrono::hours(100)) == fine.count());
  OctaveHistogram both = coarse;
  both.merge(coarse);
  CHECK(both.count() == 2 * coarse.count());
  CHECK(both.sum() == 2 * coarse.sum());
}
