// idle: somebody connects, asks and leaves, again and again; alone, and beside a thousand
// connections that are open and silent.
#include "bench/harness/paired.hpp"
#include "bench/http/rig.hpp"
#include "bench/http/scenarios.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::http {
namespace {

constexpr std::uint32_t idle = 1000;
constexpr std::uint32_t times_usual = 3000;
constexpr std::uint32_t times_quick = 50;

double in_us(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

}  // namespace

Result<ScenarioResult> run_idle(const RunOptions& options, Progress& progress) {
  auto rig = Rig::start();
  if (!rig) return rig.error();
  const std::uint16_t port = (*rig)->port();
  const std::string request = Rig::request();
  const auto ask = [&]() -> Result<double> {
    const auto latency =
        ask_anew(port, request, options.quick ? times_quick : times_usual, options);
    if (!latency) return latency.error();
    return in_us(latency->quantile(0.99));
  };
  const auto samples = harness::run_pairs<double>(
      options.pairs,
      [&]() -> Result<double> {
        const auto silent = IdleConnections::open(port, request, idle);
        if (!silent) return silent.error();
        return ask();
      },
      ask,
      [&](std::size_t done) {
        progress.at(static_cast<double>(done) / static_cast<double>(2 * options.pairs),
                    "new connections, one after the other");
      });
  if (!samples) return samples.error();
  const auto comparison = harness::compare(*samples);
  auto figure = report::figure("idle", "p99 of a new connection beside 1,000 silent ones / alone",
                               report::Comparison::at_most, 1.10);
  figure.value = comparison.ratio.median;
  figure.detail = "median of " + std::to_string(options.pairs) + " pairs " +
                  harness::spread_text(comparison.ratio) + "; beside " +
                  harness::spread_text(comparison.a) + ", alone " +
                  harness::spread_text(comparison.b) + " us";
  ScenarioResult result;
  result.figures = {figure};
  result.text =
      "From connecting to the answer's last byte, one new connection after the other, with one "
      "task "
      "each.";
  return result;
}

}  // namespace troupe::bench::http
