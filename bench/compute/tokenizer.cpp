// tokenizer: English text to word-piece ids, one text after the other, as the door of a node does
// it. Only texts that are not cut count, so that each byte was looked at.
#include <numeric>

#include "bench/compute/material.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"

namespace troupe::bench::compute {
namespace {

constexpr std::size_t texts_usual = 20'000;

}  // namespace

Result<ScenarioResult> run_tokenizer(const RunOptions& options, Progress& progress) {
  auto figure =
      report::figure("tokenizer", "English text to ids", report::Comparison::at_least, 20, "MB/s");
  ScenarioResult result;
  result.text =
      "Descriptions of packages, out of this machine's package lists, through all-MiniLM-L6-v2's "
      "tokenizer, one text at a time on one thread.";
  const auto model = load_bench_model();
  if (!model) {
    result.figures = {report::unmeasured(std::move(figure), model.error().what)};
    return result;
  }
  progress.at(0, "reading the package lists");
  std::vector<std::string> texts = sentences();
  std::string source = "sentences of the program's own";
  if (!options.quick) {
    if (auto found = found_texts(texts_usual)) {
      texts = std::move(*found);
      source = "package descriptions";
    } else {
      source += " (" + found.error().what + ")";
    }
  }
  std::vector<std::string> whole;
  std::size_t bytes = 0;
  std::size_t tokens = 0;
  for (auto& text : texts) {
    const auto ids = (*model)->tokenize(text);
    if (!ids || ids->truncated) continue;
    bytes += text.size();
    tokens += ids->ids.size();
    whole.push_back(std::move(text));
  }
  const Effort effort(options);
  std::vector<double> rates;
  for (std::uint32_t i = 0; i < options.pairs; ++i) {
    if (options.is_interrupted()) return harness::interrupted_error();
    progress.at(static_cast<double>(i) / options.pairs, "tokenizing");
    std::size_t seen = 0;
    const double seconds = seconds_per_call(effort.sample, [&] {
      for (const auto& text : whole) seen += (*model)->tokenize(text)->ids.size();
    });
    rates.push_back(static_cast<double>(bytes) / 1e6 / seconds);
    if (seen % tokens != 0)
      return Error{ErrorCode::internal, "the same texts gave other ids", "please report it"};
  }
  const auto spread = harness::spread_of(rates);
  figure.value = spread.median;
  figure.detail = harness::spread_text(spread) + " MB/s; " + std::to_string(whole.size()) + " " +
                  source + ", " + report::number_text(static_cast<double>(bytes) / 1e6) + " MB, " +
                  std::to_string(tokens) + " tokens";
  result.figures = {std::move(figure)};
  return result;
}

}  // namespace troupe::bench::compute
