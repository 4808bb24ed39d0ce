// policy: actions of batches of agents, by a policy of 64 observations, two hidden layers of 128
// and 16 actions, its weights in the caches. Checked, multiplied and picked, as a device does it.
#include <array>
#include <deque>

#include "bench/compute/material.hpp"
#include "bench/compute/peak.hpp"
#include "bench/compute/scenarios.hpp"
#include "bench/compute/timing.hpp"
#include "bench/report/figure.hpp"
#include "bench/report/number.hpp"
#include "kernels/cpu/policy_runner.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::bench::compute {
namespace {

using kernels::cpu::Observation;

constexpr std::array<std::uint32_t, 4> widths = {64, 128, 128, 16};

// Any weights; the model's spans point into its storage.
std::shared_ptr<const kernels::PolicyModel> some_policy(Random& random) {
  auto numbers = std::make_shared<std::deque<std::vector<float>>>();
  const auto make = [&](std::size_t count) -> std::span<const float> {
    auto& values = numbers->emplace_back(count);
    for (auto& value : values) value = static_cast<float>(0.2 * (random.unit() - 0.5));
    return values;
  };
  auto model = std::make_shared<kernels::PolicyModel>();
  model->widths.assign(widths.begin(), widths.end());
  for (std::size_t i = 0; i + 1 < widths.size(); ++i)
    model->layers.push_back({make(std::size_t{widths[i]} * widths[i + 1]), make(widths[i + 1])});
  model->storage = numbers;
  return model;
}

double operations_per_agent() {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) sum += 2.0 * widths[i] * widths[i + 1];
  return sum;
}

}  // namespace

Result<ScenarioResult> run_policy(const RunOptions& options, Progress& progress) {
  const auto& tiles = *kernels::cpu::supported_tiles().front();
  Random random(options.seed);
  const auto model = some_policy(random);
  if (auto good = kernels::check_policy(*model); !good) return good.error();
  kernels::cpu::PolicyRunner runner(std::make_shared<kernels::cpu::Policy>(tiles, model));
  const Effort effort(options);

  struct Case {
    std::size_t agents;
    kernels::SamplingRule rule;
    const char* name;
  };
  using kernels::SamplingRule;
  constexpr std::array<Case, 5> cases = {{{4, SamplingRule::greedy, "greedy"},
                                          {16, SamplingRule::greedy, "greedy"},
                                          {64, SamplingRule::greedy, "greedy"},
                                          {256, SamplingRule::greedy, "greedy"},
                                          {64, SamplingRule::gumbel, "Gumbel-max"}}};
  ScenarioResult result;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [agents, rule, name] = cases[i];
    progress.at(static_cast<double>(i) / cases.size(), std::to_string(agents) + " agents");
    std::vector<std::vector<float>> seen(agents, std::vector<float>(widths.front()));
    std::vector<Observation> observations;
    for (std::size_t agent = 0; agent < agents; ++agent) {
      for (auto& value : seen[agent]) value = static_cast<float>(random.unit() - 0.5);
      observations.push_back({seen[agent], {agent, 1}});
    }
    kernels::Sampling sampling;
    sampling.rule = rule;
    const auto compared = compare_values(
        options,
        [&] {
          return 1e6 / static_cast<double>(agents) * seconds_per_call(effort.sample, [&] {
                   runner.act(observations, sampling, [] {});
                 });
        },
        [&] { return 1e6 * operations_per_agent() / fma_peak(tiles, effort.sample); });
    if (!compared) return compared.error();
    auto figure = report::figure(
        "act", "policy 64-128-128-16, " + std::to_string(agents) + " agents, " + name + ": each",
        report::Comparison::at_most, 0.5, "us");
    figure.value = compared->a.median;
    figure.detail = harness::spread_text(compared->a) + " us; its multiply-adds alone take " +
                    report::number_text(compared->b.median) + " us at this machine's peak, " +
                    tiles.description;
    result.figures.push_back(std::move(figure));
  }
  result.text = "Observations in, actions out, on one thread, in turns with the machine's peak.";
  return result;
}

}  // namespace troupe::bench::compute
