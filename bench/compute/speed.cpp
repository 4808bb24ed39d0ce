// speed: the whole forward pass of the real model, in float32, against the peak of multiply-adds.
// Only matrix products count as work, so the share holds everything else against the encoder.
#include <array>

#include "bench/compute/material.hpp"
#include "bench/compute/peak.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {

Result<ScenarioResult> run_speed(const RunOptions& options, Progress& progress) {
  struct Case {
    std::size_t texts;
    std::size_t length;
    double target;
  };
  constexpr std::array<Case, 5> cases = {
      {{1, 16, 0.60}, {8, 16, 0.80}, {2, 64, 0.80}, {8, 64, 0.80}, {32, 64, 0.80}}};
  const auto& tiles = *kernels::cpu::supported_tiles().front();
  const auto model = load_bench_model();
  std::unique_ptr<TextEncoder> encoder;
  if (model) encoder = std::make_unique<TextEncoder>(tiles, (*model)->bert);

  ScenarioResult result;
  const Effort effort(options);
  Random random(options.seed);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [count, length, target] = cases[i];
    const std::string name = std::to_string(count) + " x " + std::to_string(length) + " tokens";
    auto figure = report::figure("encode", "encode " + name + " / peak of multiply-adds",
                                 report::Comparison::at_least, target);
    if (!encoder) {
      result.figures.push_back(report::unmeasured(std::move(figure), model.error().what));
      continue;
    }
    progress.at(static_cast<double>(i) / cases.size(), name);
    const auto texts =
        random_texts(encoder->config(), std::vector<std::size_t>(count, length), random);
    const double work = operations(encoder->config(), texts);
    const auto compared = compare_values(
        options,
        [&] { return work / seconds_per_call(effort.sample, [&] { encoder->encode(texts); }); },
        [&] { return fma_peak(tiles, effort.sample); });
    if (!compared) return compared.error();
    figure.value = compared->ratio.median;
    figure.detail = harness::spread_text(compared->ratio) + "; " +
                    report::number_text(1e3 * work / compared->a.median) + " ms, " +
                    report::number_text(compared->a.median / 1e9) + " of " +
                    report::number_text(compared->b.median / 1e9) + " GFLOP/s, " +
                    tiles.description;
    result.figures.push_back(std::move(figure));
  }
  result.text = "all-MiniLM-L6-v2 in float32 on one thread, batches of texts of one length.";
  return result;
}

}  // namespace troupe::bench::compute
