// The policy kernel against the reference, and its choices against the CPU's sampler.
#include "kernels/cuda/portable/policy.hpp"

#include <cmath>
#include <limits>

#include "kernels/ref/policy.hpp"
#include "kernels/sampler.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/cuda/arrays.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::cuda;
using namespace troupe::cuda::test;
using kernels::PolicyActivation;
using kernels::SamplingRule;

namespace {

// A policy as the GPU holds it.
struct Policy {
  std::shared_ptr<const kernels::PolicyModel> model;
  std::vector<std::vector<float>> weights;
  std::vector<PolicyLayer> layers;
  std::uint32_t width = 0;

  explicit Policy(std::shared_ptr<const kernels::PolicyModel> from) : model(std::move(from)) {
    for (std::size_t i = 0; i < model->layers.size(); ++i) {
      const std::uint32_t in = model->widths[i];
      const std::uint32_t out = model->widths[i + 1];
      auto& turned = weights.emplace_back(std::size_t{in} * out);
      for (std::size_t o = 0; o < out; ++o) {
        for (std::size_t k = 0; k < in; ++k)
          turned[k * out + o] = model->layers[i].weight[o * in + k];
      }
      layers.push_back({turned.data(), model->layers[i].bias.data(), in, out});
    }
    for (const auto w : model->widths) width = std::max(width, w);
  }

  [[nodiscard]] std::vector<float> scores(const std::vector<float>& observations,
                                          std::uint32_t agents, std::uint64_t seed) const {
    std::vector<float> result(std::size_t{agents} * model->actions());
    PolicyScores p{};
    p.layers_count = static_cast<std::uint32_t>(layers.size());
    p.width = width;
    p.activation = model->activation == PolicyActivation::gelu   ? Activation::gelu
                   : model->activation == PolicyActivation::tanh ? Activation::tanh
                                                                 : Activation::relu;
    p.agents = agents;
    p.layers = layers.data();
    p.observations = observations.data();
    p.scores = result.data();
    launched([&](Stream stream) { return launch_policy_scores(p, stream); }, seed);
    return result;
  }
};

std::vector<std::int32_t> choices(const std::vector<float>& scores, std::uint32_t actions,
                                  const std::vector<Decision>& decisions) {
  std::vector<std::int32_t> result(decisions.size());
  const PolicyChoice p{static_cast<std::uint32_t>(decisions.size()), actions, scores.data(),
                       decisions.data(), result.data()};
  launched([&](Stream stream) { return launch_policy_choice(p, stream); });
  return result;
}

}  // namespace

TEST_CASE("a policy's scores are right and bitwise the same in every batch") {
  for (const auto activation :
       {PolicyActivation::relu, PolicyActivation::gelu, PolicyActivation::tanh}) {
    for (const auto& widths :
         {std::vector<std::uint32_t>{3, 2}, {64, 128, 128, 16}, {5, 700, 1}, {1, 1, 1, 1, 200}}) {
      const Policy policy(kernels::test::random_policy(widths, activation, 3));
      constexpr std::uint32_t agents = 13;
      Random random(4);
      const auto observations = kernels::test::random_vector(agents * widths[0], random);
      const auto scores = policy.scores(observations, agents, 1);
      for (std::size_t a = 0; a < agents; ++a) {
        const auto mine = std::span(observations).subspan(a * widths[0], widths[0]);
        const auto expected = kernels::ref::logits(*policy.model, mine);
        for (std::size_t i = 0; i < expected.size(); ++i)
          CHECK(std::abs(expected[i] - static_cast<double>(scores[a * expected.size() + i])) <
                2e-5);
        const auto alone = policy.scores({mine.begin(), mine.end()}, 1, 2);
        CHECK(std::equal(alone.begin(), alone.end(),
                         scores.begin() + static_cast<std::ptrdiff_t>(a * expected.size())));
      }
    }
  }
}

TEST_CASE("the same scores give the same action as on the CPU") {
  Random random(5);
  for (const std::uint32_t actions : {1U, 2U, 16U, 33U, 200U}) {
    constexpr std::uint32_t agents = 60;
    const auto scores = kernels::test::random_vector(agents * actions, random);
    for (const auto rule : {SamplingRule::greedy, SamplingRule::softmax, SamplingRule::gumbel}) {
      std::vector<Decision> decisions;
      for (std::uint64_t a = 0; a < agents; ++a)
        decisions.push_back({random.next(), random.next() >> 16, random.next(),
                             0.25 + random.unit() * 3, static_cast<std::uint32_t>(rule), 0});
      const auto chosen = choices(scores, actions, decisions);
      for (std::size_t a = 0; a < agents; ++a) {
        const Decision& d = decisions[a];
        const auto expected = kernels::sample(std::span(scores).subspan(a * actions, actions),
                                              {rule, d.temperature, d.seed}, {d.agent, d.step});
        REQUIRE(expected);
        CHECK(chosen[a] == static_cast<std::int32_t>(*expected));
      }
    }
  }
}

TEST_CASE("scores that are not finite give no action, and equal ones the first") {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  const std::vector<float> scores = {1, 2,         2, 0, 1, infinite, 0, 0, 0, 0, std::nanf(""),
                                     0, -infinite, 0, 0, 0};
  const std::vector<Decision> decisions(4, {1, 2, 3, 1.0, 0, 0});
  CHECK(choices(scores, 4, decisions) == std::vector<std::int32_t>{1, -1, -1, -1});
}
