// latency: one task at a time, over HTTP and through the C++ client, in turns. Both go over the
// loopback interface to the same node, the client's messages encrypted, and the device is done at
// once; so the difference is what HTTP and JSON add.
#include <future>

#include "base/clock.hpp"
#include "bench/harness/paired.hpp"
#include "bench/http/rig.hpp"
#include "bench/http/scenarios.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::http {
namespace {

double in_us(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

Result<harness::LatencyHistogram> ask_client(Rig& rig, const Load& like,
                                             const RunOptions& options) {
  harness::LatencyHistogram latency;
  const Instant begin = now() + like.warm_up;
  const Instant end = begin + like.length;
  for (Instant asked = now(); asked < end;) {
    if (options.is_interrupted()) return harness::interrupted_error();
    const TaskOutcome outcome = rig.client().submit(Rig::task()).outcome.get();
    if (!outcome.result) return outcome.result.error();
    const Instant answered = now();
    if (answered >= begin) latency.add(answered - asked);
    asked = answered;
  }
  return latency;
}

}  // namespace

Result<ScenarioResult> run_latency(const RunOptions& options, Progress& progress) {
  auto rig = Rig::start();
  if (!rig) return rig.error();
  const Load load = load_of((*rig)->port(), 1, options);
  harness::LatencyHistogram http_all;
  harness::LatencyHistogram client_all;
  const auto samples = harness::run_pairs<double>(
      options.pairs,
      [&]() -> Result<double> {
        const auto run = run_load(load, options);
        if (!run) return run.error();
        http_all.merge(run->latency);
        return in_us(run->latency.quantile(0.5));
      },
      [&]() -> Result<double> {
        const auto latency = ask_client(**rig, load, options);
        if (!latency) return latency.error();
        client_all.merge(*latency);
        return in_us(latency->quantile(0.5));
      },
      [&](std::size_t done) {
        progress.at(static_cast<double>(done) / static_cast<double>(2 * options.pairs),
                    done % 2 == 0 ? "a pair" : "its other half");
      });
  if (!samples) return samples.error();
  std::vector<double> added;
  for (const auto& [http, client] : *samples) added.push_back(http - client);
  const auto comparison = harness::compare(*samples);

  auto figure = report::figure("latency", "p50 over HTTP less p50 through the C++ client",
                               report::Comparison::at_most, 100, "us");
  const auto spread = harness::spread_of(added);
  figure.value = spread.median;
  figure.detail = "median of " + std::to_string(options.pairs) +
                  " pairs (least to most): " + harness::spread_text(spread) + "; p50 HTTP " +
                  harness::spread_text(comparison.a) + ", client " +
                  harness::spread_text(comparison.b) + " us; p99 of all " +
                  std::to_string(static_cast<int>(in_us(http_all.quantile(0.99)))) + " and " +
                  std::to_string(static_cast<int>(in_us(client_all.quantile(0.99)))) + " us";
  ScenarioResult result;
  result.figures = {figure};
  result.text =
      "One task at a time on a device that is done at once: HTTP with JSON, and the C++ client "
      "(ZeroMQ, encrypted), in turns.";
  return result;
}

}  // namespace troupe::bench::http
