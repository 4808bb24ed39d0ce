// Policies against the float64 reference, on every instruction set this machine has.
#include "kernels/cpu/policy_runner.hpp"

#include <cmath>
#include <limits>

#include "kernels/cpu/select.hpp"
#include "kernels/ref/policy.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;

namespace {

const cpu::YieldHook no_yield = [] {};
using Rows = std::vector<std::vector<float>>;

Rows random_rows(const PolicyModel& model, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Rows rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.push_back(random_vector(model.observation_width(), random));
  return rows;
}

std::vector<cpu::Observation> observations_of(const Rows& rows) {
  std::vector<cpu::Observation> observations;
  for (const auto& row : rows) observations.push_back({row, {observations.size(), 7}});
  return observations;
}

std::vector<float> logits_of(cpu::PolicyRunner& runner, const PolicyModel& model, const Rows& rows,
                             std::size_t which) {
  const auto observations = observations_of(rows);
  std::vector<const cpu::Observation*> all;
  for (const auto& observation : observations) all.push_back(&observation);
  const auto scores = runner.logits(all, no_yield);
  const auto row = scores.subspan(which * runner.logits_stride(), model.actions());
  return {row.begin(), row.end()};
}

cpu::PolicyRunner runner_for(const cpu::Tiles& tiles,
                             const std::shared_ptr<const PolicyModel>& model) {
  REQUIRE(check_policy(*model));
  return cpu::PolicyRunner(std::make_shared<const cpu::Policy>(tiles, model));
}

constexpr PolicyActivation all_activations[] = {PolicyActivation::relu, PolicyActivation::gelu,
                                                PolicyActivation::tanh};

}  // namespace

TEST_CASE("scores agree with the reference whatever the layers and the activation") {
  const std::vector<std::vector<std::uint32_t>> shapes = {
      {64, 128, 128, 16}, {1, 1}, {3, 5, 2}, {17, 65, 33, 129, 7, 1}, {100, 4}};
  for (const auto& widths : shapes) {
    for (const auto activation : all_activations) {
      const auto model = random_policy(widths, activation, widths.size());
      const auto rows = random_rows(*model, 9, 1);
      for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
        auto runner = runner_for(*tiles, model);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          INFO(tiles->name << ", " << widths.size() << " widths, observation " << i);
          const auto scores = logits_of(runner, *model, rows, i);
          const auto expected = ref::logits(*model, rows[i]);
          for (std::size_t a = 0; a < expected.size(); ++a)
            CHECK(std::abs(static_cast<double>(scores[a]) - expected[a]) < 1e-5);
        }
      }
    }
  }
}

TEST_CASE("activations are right from the smallest number to the largest") {
  // One hidden number, and a last layer that passes it on.
  for (const auto activation : all_activations) {
    const std::vector<float> one = {1};
    const std::vector<float> zero = {0};
    auto model = std::make_shared<PolicyModel>();
    model->widths = {1, 1, 1};
    model->activation = activation;
    model->layers = {{one, zero}, {one, zero}};
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      auto runner = runner_for(*tiles, model);
      for (const double size : {0.0, 1e-30, 1e-6, 1e-3, 0.1, 0.2499, 0.2501, 0.5, 1.0, 3.0, 5.9,
                                6.1, 9.0, 44.0, 90.0, 1e4, 1e30}) {
        for (const double x : {size, -size}) {
          const Rows rows = {{static_cast<float>(x)}};
          const double expected = ref::logits(*model, rows[0])[0];
          const double got = static_cast<double>(logits_of(runner, *model, rows, 0)[0]);
          INFO(tiles->name << ", activation " << static_cast<int>(activation) << " of " << x);
          if (activation == PolicyActivation::tanh)
            CHECK(std::abs(got - expected) <= 1e-6 * std::abs(expected));
          else
            CHECK(std::abs(got - expected) <= 2e-7 * std::abs(x));
        }
      }
    }
  }
}

TEST_CASE("an agent's scores and action are bitwise the same whoever shares its batch") {
  const auto model = random_policy({64, 128, 128, 16}, PolicyActivation::tanh, 3);
  // More than the workspace holds, and a remainder for each microkernel.
  const auto rows = random_rows(*model, 2 * cpu::Policy::rows_max + 17, 4);
  const auto observations = observations_of(rows);
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    auto runner = runner_for(*tiles, model);
    for (const auto rule : {SamplingRule::greedy, SamplingRule::softmax, SamplingRule::gumbel}) {
      const Sampling sampling{rule, 0.7, 99};
      const auto together = runner.act(observations, sampling, no_yield);
      REQUIRE(together.size() == observations.size());
      for (std::size_t i = 0; i < observations.size(); i += 13) {
        for (const std::size_t batch : {1U, 2U, 5U, 6U, 7U}) {
          const auto first = std::min(i, observations.size() - batch);
          const auto some =
              runner.act(std::span(observations).subspan(first, batch), sampling, no_yield);
          for (std::size_t j = 0; j < batch; ++j) CHECK(*some[j] == *together[first + j]);
        }
      }
    }
    for (const std::size_t count : {1U, 3U, 6U, 50U}) {
      const Rows some(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
      const Rows last = {rows[count - 1]};
      CHECK(logits_of(runner, *model, some, count - 1) == logits_of(runner, *model, last, 0));
    }
  }
}

TEST_CASE("an observation that makes no sense fails alone") {
  const auto model = random_policy({4, 8, 3}, PolicyActivation::relu, 5);
  auto runner = runner_for(*cpu::supported_tiles().front(), model);
  auto rows = random_rows(*model, 6, 6);
  const auto good = runner.act(observations_of(rows), {}, no_yield);
  rows[1].push_back(1);
  rows[2][3] = std::numeric_limits<float>::quiet_NaN();
  rows[3][0] = -std::numeric_limits<float>::infinity();
  auto observations = observations_of(rows);
  observations[4].key.step = DecisionKey::step_max + 1;
  const auto actions = runner.act(observations, {}, no_yield);
  for (std::size_t i = 0; i < actions.size(); ++i) {
    INFO(i);
    if (i == 0 || i == 5)
      CHECK(*actions[i] == *good[i]);
    else
      CHECK(actions[i].error().code == ErrorCode::invalid_argument);
  }
  CHECK(runner.act({}, {}, no_yield).empty());

  const std::vector<float> poison(8, std::nanf(""));
  for (const auto activation : all_activations) {
    for (const std::size_t layer : {0U, 1U}) {
      auto broken = std::make_shared<PolicyModel>(*model);
      broken->activation = activation;
      auto& bias = broken->layers[layer].bias;
      bias = std::span(poison).first(bias.size());
      for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
        auto bad_runner = runner_for(*tiles, broken);
        CHECK(bad_runner.act(observations_of(rows), {}, no_yield)[0].error().code ==
              ErrorCode::model_damaged);
      }
    }
  }
}

TEST_CASE("a policy whose parts do not fit together is refused") {
  const auto refused = [](const auto& damage) {
    PolicyModel model = *random_policy({4, 8, 3}, PolicyActivation::relu, 9);
    damage(model);
    const auto checked = check_policy(model);
    return !checked && checked.error().code == ErrorCode::model_damaged;
  };
  CHECK_FALSE(refused([](PolicyModel&) {}));
  CHECK(refused([](PolicyModel& m) { m.widths[0] = 5; }));
  CHECK(refused([](PolicyModel& m) { m.widths[1] = 0; }));
  CHECK(refused([](PolicyModel& m) { m.widths.push_back(3); }));
  CHECK(refused([](PolicyModel& m) { m.widths = {4}; }));
  CHECK(refused([](PolicyModel& m) { m.layers.clear(); }));
  CHECK(refused([](PolicyModel& m) { m.layers[1].bias = m.layers[0].bias; }));
}
