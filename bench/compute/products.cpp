// products: the linear layers of a sentence encoder (384 wide, feed-forward of 1536), each on M
// rows, against multiply-adds that never leave the registers. Weights are read from the caches, as
// they are between two tiles of a batch; inputs and results are the same every time.
#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "bench/compute/material.hpp"
#include "bench/compute/peak.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {
namespace {

namespace cpu = kernels::cpu;

constexpr std::size_t rows_max = 512;

// One linear layer with any weights, and room for what goes in and comes out.
struct Layer {
  std::size_t in, out;
  std::vector<float> weight;
  std::vector<float> bias;
  cpu::Linear linear;
  FloatBuffer x;
  FloatBuffer y;

  Layer(const cpu::Tiles& tiles, std::size_t in_width, std::size_t out_width, Random& random)
      : in(in_width),
        out(out_width),
        weight(in * out),
        bias(out),
        x(rows_max * cpu::row_stride(in)),
        y(rows_max * cpu::row_stride(out)) {
    for (auto& w : weight) w = static_cast<float>(random.unit() - 0.5);
    for (auto& value : x.span()) value = static_cast<float>(random.unit() - 0.5);
    const kernels::LinearWeights part{weight, bias};
    linear = cpu::Linear(tiles, in, {&part, 1});
  }

  void run(const cpu::Tiles& tiles, std::size_t rows) {
    linear.apply(tiles, x.data(), cpu::row_stride(in), rows, {}, y.data(), cpu::row_stride(out),
                 nullptr, [] {});
  }
  [[nodiscard]] double operations(std::size_t rows) const {
    return 2 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
  }
};

}  // namespace

Result<ScenarioResult> run_products(const RunOptions& options, Progress& progress) {
  const cpu::Tiles& tiles = *cpu::supported_tiles().front();
  const Effort effort(options);
  Random random(options.seed);
  std::vector<Layer> layers;
  constexpr std::array<std::pair<std::size_t, std::size_t>, 4> shapes = {
      {{384, 1152}, {384, 384}, {384, 1536}, {1536, 384}}};
  for (const auto& [in, out] : shapes) layers.emplace_back(tiles, in, out, random);

  ScenarioResult result;
  constexpr std::array<std::size_t, 4> row_counts = {16, 64, 128, 512};
  for (std::size_t i = 0; i < row_counts.size(); ++i) {
    const std::size_t rows = row_counts[i];
    progress.at(static_cast<double>(i) / row_counts.size(), std::to_string(rows) + " rows");
    double operations = 0;
    for (const auto& layer : layers) operations += layer.operations(rows);
    const auto compared = compare_values(
        options,
        [&] {
          return operations / seconds_per_call(effort.sample, [&] {
                   for (auto& layer : layers) layer.run(tiles, rows);
                 });
        },
        [&] { return fma_peak(tiles, effort.sample); });
    if (!compared) return compared.error();
    auto figure = report::figure(
        "gemm", "matrix products of " + std::to_string(rows) + " rows / peak of multiply-adds",
        report::Comparison::at_least, 0.90);
    figure.value = compared->ratio.median;
    figure.detail = harness::spread_text(compared->ratio) + "; " +
                    report::number_text(compared->a.median / 1e9) + " of " +
                    report::number_text(compared->b.median / 1e9) + " GFLOP/s, " +
                    tiles.description + "; by shape:";
    for (auto& layer : layers) {
      const double rate =
          layer.operations(rows) / seconds_per_call(effort.sample, [&] { layer.run(tiles, rows); });
      figure.detail += " " + std::to_string(layer.in) + "x" + std::to_string(layer.out) + " " +
                       report::number_text(rate / compared->b.median);
    }
    result.figures.push_back(std::move(figure));
  }
  result.text =
      "The four linear layers of a sentence encoder, one thread, in float32, in turns with a loop "
      "of multiply-adds that never leaves the registers.";
  return result;
}

}  // namespace troupe::bench::compute
