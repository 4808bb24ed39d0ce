// layer: answers a second of three servers, in turns, on as many connections and with the same
// bytes: Boost.Beast alone, our server with a handler that knows the answer, and the whole door
// with a node behind it. The first ratio is what our connections, limits and deadlines cost; the
// second, in the detail, adds JSON, the scheduler and the way to the device and back.
#include <array>

#include "bench/harness/paired.hpp"
#include "bench/http/rig.hpp"
#include "bench/http/scenarios.hpp"
#include "bench/report/figure.hpp"
#include "bench/rivals/bare_beast.hpp"

namespace troupe::bench::http {
namespace {

constexpr std::uint32_t connections = 64;

}  // namespace

Result<ScenarioResult> run_layer(const RunOptions& options, Progress& progress) {
  auto rig = Rig::start();
  if (!rig) return rig.error();
  const auto answer = ask_once((*rig)->port(), Rig::request());
  if (!answer) return answer.error();
  const auto canned = CannedServer::start(*answer);
  if (!canned) return canned.error();
  const auto bare = rivals::BareBeast::open(*answer);
  if (!bare) return bare.error();

  struct Side {
    const char* name;
    std::uint16_t port;
    std::vector<double> rates{};
  };
  std::array<Side, 3> sides = {{{"bare Beast", (*bare)->port()},
                                {"our server", (*canned)->port()},
                                {"the door and its node", (*rig)->port()}}};
  double done = 0;
  for (std::uint32_t round = 0; round < options.pairs; ++round) {
    for (std::size_t turn = 0; turn < sides.size(); ++turn) {
      // Who goes first changes.
      Side& side = sides[round % 2 == 0 ? turn : sides.size() - 1 - turn];
      progress.at(done++ / static_cast<double>(options.pairs * sides.size()), side.name);
      const auto run = run_load(load_of(side.port, connections, options), options);
      if (!run) return run.error();
      side.rates.push_back(run->answers_per_s);
    }
  }
  const auto against_bare = [&](const Side& side) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < side.rates.size(); ++i)
      ratios.push_back(side.rates[i] / sides[0].rates[i]);
    return harness::spread_of(ratios);
  };
  auto figure = report::figure("layer", "answers/s of our server / bare Beast, the same bytes",
                               report::Comparison::at_least, 0.7);
  const auto spread = against_bare(sides[1]);
  figure.value = spread.median;
  figure.detail = "median of " + std::to_string(options.pairs) + " rounds " +
                  harness::spread_text(spread) + ", " + std::to_string(answer->size()) +
                  " bytes of JSON on 64 connections; with the node behind it " +
                  harness::spread_text(against_bare(sides[2]));
  for (const Side& side : sides)
    figure.detail += std::string("; ") + side.name + " " +
                     harness::spread_text(harness::spread_of(side.rates)) + " answers/s";
  ScenarioResult result;
  result.figures = {figure};
  result.text = "64 connections in closed loops against each server, one thread each.";
  return result;
}

}  // namespace troupe::bench::http
