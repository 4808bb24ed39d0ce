// packing: eight texts of log-normal lengths, encoded one behind the other, against the same texts
// filled up to the longest of them. Padding tokens cost what others cost; a mask would add to that.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "bench/compute/material.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {
namespace {

constexpr std::size_t texts_at_a_time = 8;
constexpr std::size_t batches_usual = 12;
// Of a text's length in tokens: half are longer than the median, and one in six longer than
// e^spread times as much.
constexpr double length_median = 24;
constexpr double length_spread = 1.0;

std::size_t drawn_length(const kernels::BertConfig& config, Random& random) {
  // Box and Muller, "A note on the generation of random normal deviates", 1958.
  const double normal = std::sqrt(2 * random.exponential(1)) *
                        std::cos(2 * std::numbers::pi_v<double> * random.unit());
  const double length = length_median * std::exp(length_spread * normal);
  return static_cast<std::size_t>(std::clamp(length, 3.0, static_cast<double>(config.tokens_max)));
}

}  // namespace

Result<ScenarioResult> run_packing(const RunOptions& options, Progress& progress) {
  auto figure = report::figure("packing", "8 texts of log-normal lengths: padded / packed time",
                               report::Comparison::at_least, 2.5);
  ScenarioResult result;
  result.text =
      "all-MiniLM-L6-v2, batches of 8 texts, lengths log-normal with median 24 tokens and sigma 1, "
      "at most the model's 256.";
  const auto model = load_bench_model();
  if (!model) {
    result.figures = {report::unmeasured(std::move(figure), model.error().what)};
    return result;
  }
  TextEncoder encoder(*kernels::cpu::supported_tiles().front(), (*model)->bert);
  Random random(options.seed);
  const std::size_t batches = options.quick ? 1 : batches_usual;
  std::vector<double> ratios;
  double tokens_packed = 0;
  double tokens_padded = 0;
  for (std::size_t i = 0; i < batches; ++i) {
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(static_cast<double>(i) / static_cast<double>(batches), "batches");
    std::vector<std::size_t> lengths(texts_at_a_time);
    for (auto& length : lengths) length = drawn_length(encoder.config(), random);
    const std::size_t longest = *std::max_element(lengths.begin(), lengths.end());
    const auto packed = random_texts(encoder.config(), lengths, random);
    const auto padded =
        random_texts(encoder.config(), std::vector<std::size_t>(texts_at_a_time, longest), random);
    tokens_packed += static_cast<double>(tokens_of(packed));
    tokens_padded += static_cast<double>(tokens_of(padded));
    auto few = options;
    few.pairs = std::min<std::uint32_t>(options.pairs, 3);
    few.run_length = Duration(1);  // one call: they are long
    const auto compared = compare_calls(
        few, [&] { encoder.encode(padded); }, [&] { encoder.encode(packed); });
    if (!compared) return compared.error();
    ratios.push_back(compared->ratio.median);
  }
  const auto spread = harness::spread_of(ratios);
  figure.value = spread.median;
  figure.detail = harness::spread_text(spread) + " over " + std::to_string(batches) +
                  " batches; tokens " + report::number_text(tokens_padded / tokens_packed) +
                  " to 1";
  result.figures = {std::move(figure)};
  return result;
}

}  // namespace troupe::bench::compute
