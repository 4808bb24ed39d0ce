// scan: the ten nearest among memories that are far larger than the caches, one query at a time,
// against a loop that only reads as many bytes. Each format counts the bytes that its scan reads.
#include <array>
#include <string>

#include "bench/compute/material.hpp"
#include "bench/compute/peak.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/recall.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {
namespace {

using kernels::RowFormat;

constexpr std::size_t width = 384;
constexpr std::size_t documents_usual = 128'000;
constexpr std::size_t documents_few = 1000;

struct Case {
  const char* name;
  RowFormat rows;
  std::size_t agents;
  std::size_t bytes_read;  // of a number, by a scan
};

std::vector<float> some_vector(Random& random) {
  std::vector<float> vector(width);
  for (auto& x : vector) x = static_cast<float>(random.unit() - 0.5);
  return vector;
}

Status fill(kernels::MemoryStore& store, std::size_t agents, std::size_t documents,
            Random& random) {
  for (std::size_t i = 0; i < documents; ++i) {
    const AgentId agent{"shelf", std::to_string(i / (documents / agents))};
    if (auto status = store.append(agent, i, some_vector(random)); !status) return status;
  }
  return {};
}

}  // namespace

Result<ScenarioResult> run_scan(const RunOptions& options, Progress& progress) {
  constexpr std::array<Case, 4> cases = {{{"f32 rows, one agent", RowFormat::f32, 1, 4},
                                          {"f32 rows, 100 agents", RowFormat::f32, 100, 4},
                                          {"halves, 100 agents", RowFormat::halves, 100, 2},
                                          {"bf16 rows, 100 agents", RowFormat::bf16, 100, 2}}};
  const std::size_t documents = options.quick ? documents_few : documents_usual;
  const auto& tiles = *kernels::cpu::supported_tiles().front();
  const Effort effort(options);
  ScenarioResult result;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [name, rows, agents, bytes_read] = cases[i];
    progress.at(static_cast<double>(i) / cases.size(), name);
    Random random(options.seed);
    kernels::MemoryOptions memory;
    memory.rows = rows;
    kernels::MemoryStore store(std::uint64_t{4} << 30, memory);
    if (auto filled = fill(store, agents, documents, random); !filled) return filled.error();
    kernels::cpu::Recaller recaller(tiles);
    Recall task;
    task.scope = "shelf/*";
    task.query = some_vector(random);
    if (auto hits = recaller.recall(store, task, [] {}); !hits) return hits.error();
    const std::size_t bytes = documents * width * bytes_read;
    const FloatBuffer other(bytes / sizeof(float));
    const auto compared = compare_values(
        options,
        [&] {
          return static_cast<double>(bytes) / seconds_per_call(effort.sample, [&] {
                   static_cast<void>(recaller.recall(store, task, [] {}));
                 });
        },
        [&] { return read_bandwidth(std::as_bytes(other.span()), effort.sample); });
    if (!compared) return compared.error();
    auto figure = report::figure("recall", std::string("scan of ") + name + " / reading alone",
                                 report::Comparison::at_least, 0.90);
    figure.value = compared->ratio.median;
    figure.detail = harness::spread_text(compared->ratio) + "; " +
                    report::number_text(compared->a.median / 1e9) + " of " +
                    report::number_text(compared->b.median / 1e9) + " GB/s, " +
                    std::to_string(documents) + " documents of width 384, " +
                    report::number_text(static_cast<double>(bytes) / 1e6) + " MB read, " +
                    tiles.description;
    result.figures.push_back(std::move(figure));
  }
  result.text =
      "Exact top 10 of one query over every document of the scope, on one thread, in turns with a "
      "loop that only reads as many bytes.";
  return result;
}

}  // namespace troupe::bench::compute
