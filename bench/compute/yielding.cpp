// yield: how long urgent work waits before the running batch looks up, and what looking up costs.
//
// The waits come from the distances between the yield points of real batches (waits.hpp), which
// needs no second thread whose own wake-ups would be measured along.
#include <atomic>
#include <limits>

#include "base/clock.hpp"
#include "bench/compute/material.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/compute/waits.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {
namespace {

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

Result<ScenarioResult> run_yielding(const RunOptions& options, Progress& progress) {
  using report::Comparison;
  auto p50 = report::figure("yield", "request to yield while encoding, p50", Comparison::at_most,
                            0.15, "ms");
  auto p99 = report::figure("yield", "the same, p99", Comparison::at_most, 0.5, "ms");
  auto cost = report::figure("yield", "time that yield points take", Comparison::at_most, 1, "%");
  ScenarioResult result;
  result.text =
      "all-MiniLM-L6-v2 in float32, batches of 8 x 64 and 2 x 256 tokens. Waits of requests at "
      "random instants, from the distances between the yield points. The cost is that of the "
      "device's hook and its tiles against tiles as large as the caches allow and an empty hook.";
  const auto model = load_bench_model();
  if (!model) {
    for (auto* figure : {&p50, &p99, &cost})
      result.figures.push_back(report::unmeasured(std::move(*figure), model.error().what));
    return result;
  }
  const auto& tiles = *kernels::cpu::supported_tiles().front();
  TextEncoder encoder(tiles, (*model)->bert);
  Random random(options.seed);
  const auto many_short = random_texts(encoder.config(), std::vector<std::size_t>(8, 64), random);
  const auto few_long = random_texts(
      encoder.config(), std::vector<std::size_t>(2, encoder.config().tokens_max), random);

  progress.at(0, "distances between yield points");
  std::vector<double> gaps;
  gaps.reserve(1 << 20);
  encoder.encode(many_short);
  encoder.encode(few_long);
  for (std::uint32_t i = 0; i < options.pairs; ++i) {
    if (options.is_interrupted()) return harness::interrupted_error();
    Instant before = now();
    const auto look_up = [&] {
      const Instant here = now();
      gaps.push_back(in_ms(here - before));
      before = here;
    };
    encoder.encode(many_short, look_up);
    encoder.encode(few_long, look_up);
  }
  const Waits waits(std::move(gaps));
  p50.value = waits.quantile(0.5);
  p99.value = waits.quantile(0.99);
  p50.detail = p99.detail = std::to_string(waits.distances()) +
                            " yield points, the longest distance " +
                            report::number_text(waits.longest()) + " ms, " + tiles.description;

  progress.at(0.5, "what they cost");
  auto large = tiles;
  large.tile_flops = std::numeric_limits<std::size_t>::max();
  TextEncoder undivided(large, (*model)->bert);
  const std::atomic<bool> word = false;
  std::size_t let_in = 0;
  const kernels::cpu::YieldHook look = [&] {
    if (word.load(std::memory_order_relaxed)) ++let_in;
  };
  const auto compared = compare_calls(
      options, [&] { encoder.encode(many_short, look); }, [&] { undivided.encode(many_short); });
  if (!compared) return compared.error();
  cost.value = 100 * (compared->ratio.median - 1);
  cost.detail = "ratio " + harness::spread_text(compared->ratio) + " at 8 x 64 tokens";
  result.figures = {p50, p99, cost};
  return result;
}

}  // namespace troupe::bench::compute
