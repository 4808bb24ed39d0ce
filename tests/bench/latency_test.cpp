#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/latency_recorder.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::harness;
using namespace std::chrono_literals;

TEST_CASE("percentiles are exact to a thousandth over nine powers of ten") {
  Random random(3);
  LatencyHistogram histogram;
  std::vector<Duration> samples;
  for (int i = 0; i < 50000; ++i) {
    // From 10 ns to 1000 s, evenly in the logarithm.
    const Duration sample{static_cast<Duration::rep>(std::exp(2.3 + 25.3 * random.unit()))};
    samples.push_back(sample);
    histogram.add(sample);
  }
  std::sort(samples.begin(), samples.end());
  for (const double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = std::max<std::size_t>(static_cast<std::size_t>(std::ceil(q * 50000)), 1);
    const Duration exact = samples[rank - 1];
    INFO(q);
    CHECK(histogram.quantile(q) >= exact);
    CHECK(histogram.quantile(q) <= exact + exact / 1000);
    CHECK(histogram.share_within(histogram.quantile(q)) >= q);
  }
  CHECK(histogram.max() == samples.back());
  CHECK(histogram.quantile(1.0) == samples.back());
}

TEST_CASE("the median of three is the middle one, and of two the lower") {
  LatencyHistogram histogram;
  histogram.add(1ms);
  histogram.add(2ms);
  CHECK(histogram.quantile(0.5) < 1002us);
  histogram.add(3ms);
  CHECK(histogram.quantile(0.5) >= 2ms);
  CHECK(histogram.quantile(0.5) < 2003us);
}

TEST_CASE("an empty histogram answers zero") {
  const LatencyHistogram empty;
  CHECK(empty.count() == 0);
  CHECK(empty.quantile(0.99) == 0ns);
  CHECK(empty.mean() == 0ns);
  CHECK(empty.curve().empty());
  CHECK(empty.share_within(1ms) == 1);
}

TEST_CASE("samples outside the range are counted at its edges") {
  LatencyHistogram histogram;
  histogram.add(-5ms);
  CHECK(histogram.quantile(1.0) == 0ns);
  histogram.add(Duration::max());
  CHECK(histogram.count() == 2);
  CHECK(histogram.quantile(1.0) == Duration::max());
  CHECK(histogram.share_within(-1ns) == 0);
}

TEST_CASE("merged histograms answer as one that saw everything") {
  Random random(4);
  LatencyHistogram left;
  LatencyHistogram right;
  LatencyHistogram both;
  for (int i = 0; i < 5000; ++i) {
    const Duration sample{random.between(0, 50'000'000)};
    (i % 3 == 0 ? left : right).add(sample);
    both.add(sample);
  }
  left.merge(right);
  CHECK(left.count() == both.count());
  CHECK(left.mean() == both.mean());
  for (int percent = 0; percent <= 100; ++percent)
    CHECK(left.quantile(percent / 100.0) == both.quantile(percent / 100.0));
}

TEST_CASE("a curve rises to 1 within the points that it may have") {
  Random random(5);
  LatencyHistogram histogram;
  for (int i = 0; i < 20000; ++i)
    histogram.add(Duration{static_cast<Duration::rep>(random.exponential(1e6))});
  for (const std::size_t points_max : {std::size_t{2}, std::size_t{10}, std::size_t{300}}) {
    const auto curve = histogram.curve(points_max);
    REQUIRE_FALSE(curve.empty());
    CHECK(curve.size() <= points_max);
    CHECK(curve.back().share == 1.0);
    CHECK(curve.back().value == histogram.max());
    CHECK(curve.front().value == histogram.quantile(0));
    for (std::size_t i = 1; i < curve.size(); ++i) {
      CHECK(curve[i].share > curve[i - 1].share);
      CHECK(curve[i].value > curve[i - 1].value);
    }
  }
}

TEST_CASE("a stall shows in the latency of everything that should have arrived during it") {
  // One task each millisecond, each answered 1 ms after it was sent; but the sender was stuck from
  // 100 ms to 200 ms and sent what had come due only then.
  LatencyRecorder recorder({0ms, 1000ms});
  for (Duration intended = 0ms; intended < 1000ms; intended += 1ms) {
    const Duration sent = intended >= 100ms && intended < 200ms ? Duration(200ms) : intended;
    recorder.answered(intended, sent + 1ms);
  }
  CHECK(recorder.offered() == 1000);
  CHECK(recorder.latency().quantile(0.5) <= 1100us);
  // A tenth of all waited, the unluckiest for the whole stall: p99 is near 91 ms, not 1 ms.
  CHECK(recorder.latency().quantile(0.99) > 85ms);
  CHECK(recorder.latency().max() == 101ms);
}

TEST_CASE("only what was meant to arrive within the window counts, however late its answer") {
  LatencyRecorder recorder({100ms, 200ms}, 50ms);
  recorder.answered(99ms, 150ms);
  recorder.answered(200ms, 201ms);
  recorder.refused(99ms);
  CHECK(recorder.offered() == 0);
  recorder.answered(100ms, 110ms);
  recorder.answered(199ms, 900ms);
  recorder.refused(150ms);
  recorder.unanswered(150ms, 1150ms);
  CHECK(recorder.offered() == 4);
  CHECK(recorder.answered() == 2);
  CHECK(recorder.late() == 1);
  CHECK(recorder.refused() == 1);
  CHECK(recorder.unanswered() == 1);
  CHECK(recorder.latency().max() == 1000ms);
  CHECK(recorder.goodput_per_second() == Approx(10));
}
