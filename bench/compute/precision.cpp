// precision: embeddings of English sentences by the real model, against the float64 reference; and
// what bf16 is faster by. The error of bf16 is the same whether the machine multiplies in bf16 or
// has to widen first, so it is measured everywhere; its speed only where the machine has it.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "bench/compute/material.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/select.hpp"
#include "kernels/ref/bert.hpp"

namespace troupe::bench::compute {
namespace {

// The distance from the reference, relative to its length of 1.
double error_of(const float* vector, const std::vector<double>& expected) {
  double squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    squares += std::pow(static_cast<double>(vector[i]) - expected[i], 2);
  return std::sqrt(squares);
}

struct Errors {
  double worst = 0;
  double mean = 0;
};

Errors errors_of(TextEncoder& encoder, const std::vector<Ids>& texts,
                 const std::vector<std::vector<double>>& expected) {
  Errors errors;
  encoder.encode(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const double error = error_of(encoder.vector(i), expected[i]);
    errors.worst = std::max(errors.worst, error);
    errors.mean += error / static_cast<double>(texts.size());
  }
  return errors;
}

}  // namespace

Result<ScenarioResult> run_precision(const RunOptions& options, Progress& progress) {
  using report::Comparison;
  auto f32 = report::figure("error", "embeddings in f32: distance from float64",
                            Comparison::at_most, 2e-6);
  auto bf16 = report::figure("error", "embeddings in bf16: distance from float64",
                             Comparison::at_most, 1e-2);
  auto gain =
      report::figure("bf16", "encode 8 x 64 tokens: f32 / bf16 time", Comparison::at_least, 1.6);
  ScenarioResult result;
  result.text =
      "all-MiniLM-L6-v2 on English sentences that come with the program; the error is the worst "
      "one's, relative to the embedding's length.";
  const auto model = load_bench_model();
  if (!model) {
    const std::string& why = model.error().what;
    result.figures = {report::unmeasured(f32, why), report::unmeasured(bf16, why),
                      report::unmeasured(gain, why)};
    return result;
  }

  // The reference takes its time: one text is enough to show that it runs.
  const std::size_t count = options.quick ? 1 : sentences().size();
  std::vector<Ids> texts;
  std::vector<std::vector<double>> expected;
  for (std::size_t i = 0; i < count; ++i) {
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(0.8 * static_cast<double>(i) / static_cast<double>(count), "the float64 reference");
    const auto tokens = (*model)->tokenize(sentences()[sentences().size() - 1 - i]);
    if (!tokens) return tokens.error();
    texts.push_back(tokens->ids);
    expected.push_back(kernels::ref::encode(*(*model)->bert, tokens->ids));
  }
  const auto& tiles = *kernels::cpu::supported_tiles().front();
  TextEncoder full(tiles, (*model)->bert);
  TextEncoder rounded(tiles, (*model)->bert, kernels::Precision::bf16);
  for (auto [encoder, shown] : {std::pair{&full, &f32}, std::pair{&rounded, &bf16}}) {
    const Errors errors = errors_of(*encoder, texts, expected);
    shown->value = errors.worst;
    shown->detail = "the worst of " + std::to_string(count) + " sentences; " +
                    report::number_text(errors.mean) + " on average, " + tiles.description;
  }

  if (std::string_view(tiles.name) != "avx512bf16") {
    gain = report::unmeasured(
        gain, std::string("not on this CPU: it has no AVX-512 BF16, only ") + tiles.description);
  } else {
    progress.at(0.8, "bf16 against f32");
    Random random(options.seed);
    const auto batch = random_texts(full.config(), std::vector<std::size_t>(8, 64), random);
    const auto compared = compare_calls(
        options, [&] { full.encode(batch); }, [&] { rounded.encode(batch); });
    if (!compared) return compared.error();
    gain.value = compared->ratio.median;
    gain.detail = harness::spread_text(compared->ratio) + "; " +
                  report::number_text(1e3 * compared->a.median) + " and " +
                  report::number_text(1e3 * compared->b.median) + " ms";
  }
  result.figures = {f32, bf16, gain};
  return result;
}

}  // namespace troupe::bench::compute
