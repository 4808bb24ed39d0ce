// peers: the same model and texts by what others would use, in turns with ours, on one thread.
// First the encoder with another library's matrix products (peers/encoder.hpp), then ONNX Runtime
// in a process of its own, which pads each batch to its longest text as such runtimes have to. A
// peer whose embeddings differ from ours is no peer: its figure has no value.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "bench/compute/material.hpp"
#include "bench/compute/peers/encoder.hpp"
#include "bench/compute/peers/product.hpp"
#include "bench/compute/peers/runtime.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {
namespace {

constexpr double difference_max = 1e-4;  // between two ways to add float32
constexpr const char* no_peers =
    "this build has no peers: configure it with -DTROUPE_BENCH_PEERS=ON";

struct Size {
  std::size_t texts;
  std::size_t length;
  double target;  // of OpenBLAS
};
constexpr std::array<Size, 3> sizes = {{{1, 16, 2}, {8, 16, 1.15}, {8, 64, 1.15}}};

double difference(const float* ours, const float* theirs, std::size_t count) {
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i)
    largest = std::max(largest, std::abs(static_cast<double>(ours[i] - theirs[i])));
  return largest;
}

report::Figure product_figure(const std::string& id, const std::string& name, const Size& size,
                              double target) {
  return report::figure(id,
                        "encode " + std::to_string(size.texts) + " x " +
                            std::to_string(size.length) + " tokens: with " + name + " / ours",
                        report::Comparison::at_least, target);
}

Result<report::Figure> beside_library(const RunOptions& options, const peers::Library& library,
                                      TextEncoder& ours, peers::PeerEncoder& theirs,
                                      const Size& size) {
  auto figure = product_figure(library.id, library.name, size,
                               &library == peers::libraries().data() ? size.target : 1);
  Random random(options.seed);
  const auto texts =
      random_texts(ours.config(), std::vector<std::size_t>(size.texts, size.length), random);
  const auto compared = compare_calls(
      options, [&] { theirs.encode(texts); }, [&] { ours.encode(texts); });
  if (!compared) return compared.error();
  const double apart =
      difference(ours.vector(0), theirs.vector(0), texts.size() * ours.config().width);
  if (!(apart < difference_max))
    return report::unmeasured(std::move(figure),
                              "its embeddings differ from ours by " + report::number_text(apart));
  figure.value = compared->ratio.median;
  figure.detail = harness::spread_text(compared->ratio) + "; " +
                  report::number_text(1e3 * compared->a.median) + " against " +
                  report::number_text(1e3 * compared->b.median) + " ms; " + library.describe();
  return figure;
}

report::Figure runtime_figure(std::size_t texts) {
  return report::figure("onnxruntime",
                        "encode " + std::to_string(texts) + " found texts: ONNX Runtime / ours",
                        report::Comparison::at_least, 2);
}

// Batches of texts as they are found, one after the other; the median over the batches.
Result<report::Figure> beside_runtime(const RunOptions& options, peers::Runtime& runtime,
                                      TextEncoder& ours, const std::vector<Ids>& found,
                                      std::size_t count) {
  constexpr std::size_t batches_usual = 6;
  auto figure = runtime_figure(count);
  const std::size_t batches = options.quick ? 1 : batches_usual;
  std::vector<double> ratios;
  double tokens = 0;
  double apart = 0;
  for (std::size_t batch = 0; batch < batches; ++batch) {
    std::vector<Ids> texts;
    for (std::size_t i = 0; i < count; ++i)
      texts.push_back(found[(batch * count + i) % found.size()]);
    tokens += static_cast<double>(tokens_of(texts));
    std::vector<std::pair<double, double>> pairs;
    for (std::uint32_t pair = 0; pair < std::min<std::uint32_t>(options.pairs, 3); ++pair) {
      if (options.is_interrupted()) return harness::interrupted_error();
      // One before, uncounted, to warm up either.
      if (pair == 0) ours.encode(texts);
      const double mine = seconds_per_call(Duration(1), [&] { ours.encode(texts); });
      auto answer = runtime.encode(texts);
      if (!answer) return report::unmeasured(std::move(figure), answer.error().what);
      pairs.emplace_back(answer->seconds, mine);
      apart = std::max(apart, difference(ours.vector(0), answer->vectors.data(),
                                         texts.size() * ours.config().width));
    }
    ratios.push_back(harness::compare(pairs).ratio.median);
  }
  if (!(apart < difference_max))
    return report::unmeasured(std::move(figure),
                              "its embeddings differ from ours by " + report::number_text(apart));
  const auto spread = harness::spread_of(ratios);
  figure.value = spread.median;
  figure.detail = harness::spread_text(spread) + " over " + std::to_string(batches) +
                  " batches of " +
                  report::number_text(tokens / static_cast<double>(batches * count)) +
                  " tokens a text; " + runtime.version();
  return figure;
}

std::vector<Ids> found_ids(const models::TextModel& model) {
  const auto texts = found_texts(400);
  std::vector<Ids> found;
  for (const auto& text : texts ? *texts : sentences())
    if (const auto tokens = model.tokenize(text)) found.push_back(tokens->ids);
  return found;
}

Result<ScenarioResult> without(ScenarioResult result, const std::string& why) {
  for (const auto& size : sizes)
    result.figures.push_back(
        report::unmeasured(product_figure("openblas", "OpenBLAS", size, size.target), why));
  for (const auto& size : sizes)
    result.figures.push_back(report::unmeasured(product_figure("onednn", "oneDNN", size, 1), why));
  for (const std::size_t count : {8, 32})
    result.figures.push_back(report::unmeasured(runtime_figure(count), why));
  return result;
}

}  // namespace

Result<ScenarioResult> run_peers(const RunOptions& options, Progress& progress) {
  ScenarioResult result;
  result.text =
      "all-MiniLM-L6-v2 with the matrix products of OpenBLAS and of oneDNN, all else being ours; "
      "and "
      "as a graph of ONNX Runtime's own fused operators, each batch padded to its longest text.";
  const auto libraries = peers::libraries();
  if (libraries.empty()) return without(std::move(result), no_peers);
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr)  // NOLINT(concurrency-mt-unsafe)
    return Error{ErrorCode::invalid_argument, "OPENBLAS_CORETYPE forces OpenBLAS to a choice",
                 "unset it"};
  const auto model = load_bench_model();
  if (!model) return without(std::move(result), model.error().what);

  const auto& tiles = *kernels::cpu::supported_tiles().front();
  TextEncoder ours(tiles, (*model)->bert);
  std::size_t done = 0;
  const auto tell = [&](const std::string& what) {
    progress.at(static_cast<double>(done++) / 8, what);
  };
  for (const auto& library : libraries) {
    peers::PeerEncoder theirs(library, tiles, (*model)->bert, 512);
    for (const auto& size : sizes) {
      tell(library.name);
      auto figure = beside_library(options, library, ours, theirs, size);
      if (!figure) return figure.error();
      result.figures.push_back(std::move(*figure));
    }
  }
  auto runtime = peers::Runtime::start((*model)->folder);
  const auto found = found_ids(**model);
  for (const std::size_t count : {8, 32}) {
    tell("ONNX Runtime");
    if (!runtime) {
      result.figures.push_back(report::unmeasured(runtime_figure(count), runtime.error().what));
      continue;
    }
    auto figure = beside_runtime(options, *runtime, ours, found, count);
    if (!figure) return figure.error();
    result.figures.push_back(std::move(*figure));
  }
  return result;
}

}  // namespace troupe::bench::compute
