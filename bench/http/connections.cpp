// connections: answers a second when 1, 64 and 512 connections ask in closed loops. A server that
// gives each connection a thread, or looks at all of them for each, has fewer answers on many.
#include <array>

#include "bench/harness/paired.hpp"
#include "bench/http/rig.hpp"
#include "bench/http/scenarios.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::http {

Result<ScenarioResult> run_connections(const RunOptions& options, Progress& progress) {
  auto rig = Rig::start();
  if (!rig) return rig.error();
  constexpr std::array<std::uint32_t, 3> counts = {1, 64, 512};
  std::array<std::vector<double>, counts.size()> rates;
  std::array<harness::LatencyHistogram, counts.size()> latencies;
  double done = 0;
  for (std::uint32_t round = 0; round < options.pairs; ++round) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      progress.at(done++ / static_cast<double>(options.pairs * counts.size()),
                  std::to_string(counts[i]) + " connections");
      const auto run = run_load(load_of((*rig)->port(), counts[i], options), options);
      if (!run) return run.error();
      rates[i].push_back(run->answers_per_s);
      latencies[i].merge(run->latency);
    }
  }
  std::vector<double> ratios;
  for (std::size_t round = 0; round < rates[0].size(); ++round)
    ratios.push_back(rates[2][round] / std::max(rates[0][round], rates[1][round]));

  auto figure = report::figure("connections", "answers/s on 512 connections / the best of 1 and 64",
                               report::Comparison::at_least, 0.8);
  const auto spread = harness::spread_of(ratios);
  figure.value = spread.median;
  figure.detail =
      "median of " + std::to_string(options.pairs) + " rounds " + harness::spread_text(spread);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto us = [&](double q) {
      return std::to_string(latencies[i].quantile(q).count() / 1000);
    };
    figure.detail += "; " + std::to_string(counts[i]) + ": " +
                     harness::spread_text(harness::spread_of(rates[i])) + " answers/s, p50 " +
                     us(0.5) + ", p99 " + us(0.99) + " us";
  }
  ScenarioResult result;
  result.figures = {figure};
  result.text =
      "Connections in closed loops, each with one short text to encode; one thread of the server, "
      "one of the clients'.";
  return result;
}

}  // namespace troupe::bench::http
