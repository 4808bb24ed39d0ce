// Actions picked from scores: the published random numbers, the distribution they should give, and
// that nothing but the scores, the agent and the step has a say.
#include "kernels/sampler.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "kernels/philox.hpp"
#include "kernels/ref/policy.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::kernels;

namespace {

// The chi-square distance of `draws` picks from what they should be, and its degrees of freedom.
struct Fit {
  double chi_square = 0;
  int freedom = -1;
};

Fit fit(const std::vector<float>& logits, const Sampling& sampling, bool over_steps, int draws) {
  const std::vector<double> wide(logits.begin(), logits.end());
  const auto expected = ref::probabilities(wide, sampling.temperature);
  std::vector<int> picked(logits.size());
  for (int i = 0; i < draws; ++i) {
    const auto count = static_cast<std::uint64_t>(i);
    const DecisionKey key = over_steps ? DecisionKey{5, count} : DecisionKey{count, 5};
    const auto action = sample(logits, sampling, key);
    REQUIRE(action);
    ++picked[*action];
  }
  Fit result;
  for (std::size_t a = 0; a < logits.size(); ++a) {
    const double mean = expected[a] * draws;
    REQUIRE(mean >= 5);  // or the distance says nothing
    result.chi_square += std::pow(picked[a] - mean, 2) / mean;
    ++result.freedom;
  }
  return result;
}

// What chance exceeds once in a hundred thousand times (Wilson and Hilferty's approximation).
double chi_square_max(int freedom) {
  constexpr double z = 4.265;
  const double part = 2.0 / (9.0 * freedom);
  return freedom * std::pow(1 - part + z * std::sqrt(part), 3);
}

}  // namespace

TEST_CASE("Philox gives the published words") {
  using Words = std::array<std::uint32_t, 4>;
  // The known answers of Random123, philox4x32 with 10 rounds.
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("actions come as often as their probabilities say") {
  const std::vector<float> logits = {0.5F, -1, 2, 0, 1.5F, -0.25F, 1, 0.75F, -2};
  constexpr int draws = 40'000;
  for (const auto rule : {SamplingRule::softmax, SamplingRule::gumbel}) {
    for (const double temperature : {0.6, 1.0, 5.0}) {
      for (const bool over_steps : {true, false}) {
        for (const std::uint64_t seed : {1ULL, 0x123456789abcdefULL}) {
          const auto result = fit(logits, {rule, temperature, seed}, over_steps, draws);
          INFO("rule " << static_cast<int>(rule) << ", temperature " << temperature << ", steps "
                       << over_steps << ", chi-square " << result.chi_square);
          CHECK(result.chi_square < chi_square_max(result.freedom));
        }
      }
    }
  }
}

TEST_CASE("a wrong temperature would be found out") {
  const std::vector<float> logits = {0.5F, -1, 2, 0, 1.5F};
  const std::vector<float> warmer = {0.475F, -0.95F, 1.9F, 0, 1.425F};
  constexpr int draws = 40'000;
  // The same test with five hundredths more of temperature than the picks were made with.
  const std::vector<double> wide(warmer.begin(), warmer.end());
  const auto expected = ref::probabilities(wide, 1);
  std::vector<int> picked(logits.size());
  for (int i = 0; i < draws; ++i)
    ++picked[*sample(logits, {SamplingRule::gumbel, 1, 3}, {static_cast<std::uint64_t>(i), 0})];
  double chi_square = 0;
  for (std::size_t a = 0; a < picked.size(); ++a)
    chi_square += std::pow(picked[a] - expected[a] * draws, 2) / (expected[a] * draws);
  CHECK(chi_square > chi_square_max(4));
}

TEST_CASE("every part of agent, step and seed has a say, and nothing else") {
  const std::vector<float> even(1000, 0.0F);
  for (const auto rule : {SamplingRule::softmax, SamplingRule::gumbel}) {
    const auto pick = [&](std::uint64_t seed, std::uint64_t agent, std::uint64_t step) {
      return *sample(even, {rule, 1, seed}, {agent, step});
    };
    CHECK(pick(1, 2, 3) == pick(1, 2, 3));
    std::set<std::uint32_t> picks;
    for (int bit = 0; bit < 64; ++bit) {
      picks.insert(pick(1ULL << bit, 0, 0));
      picks.insert(pick(0, 1ULL << bit, 0));
      if (bit < 48) picks.insert(pick(0, 0, 1ULL << bit));
    }
    // 176 picks of 1000 fall on some 161 different ones.
    CHECK(picks.size() > 140);
  }
}

TEST_CASE("an agent's number is the published hash of its name") {
  CHECK(agent_number("") == 0xcbf29ce484222325);
  CHECK(agent_number("a") == 0xaf63dc4c8601ec8c);
  CHECK(agent_number("foobar") == 0x85944171f73967e8);
}

TEST_CASE("greedy takes the largest, the first of equals") {
  const Sampling greedy;
  CHECK(*sample(std::vector<float>{-3, 2, 5, 5, 1}, greedy, {}) == 2);
  CHECK(*sample(std::vector<float>{-3}, greedy, {1, 2}) == 0);
  const Sampling gumbel{SamplingRule::gumbel, 1, 4};
  CHECK(*sample(std::vector<float>{-3}, gumbel, {1, 2}) == 0);
}

TEST_CASE("cold sampling takes the largest and scores far apart do no harm") {
  const float most = std::numeric_limits<float>::max();
  for (const auto rule : {SamplingRule::softmax, SamplingRule::gumbel}) {
    for (std::uint64_t step = 0; step < 200; ++step) {
      CHECK(*sample(std::vector<float>{1, 1.5F, 1.2F}, {rule, 1e-3, 1}, {1, step}) == 1);
      CHECK(*sample(std::vector<float>{-most, most, 0}, {rule, 1e-300, 1}, {1, step}) == 1);
      CHECK(*sample(std::vector<float>{-most, most, 0}, {rule, 1, 1}, {1, step}) == 1);
    }
  }
}

TEST_CASE("scores that are no numbers, and samplings that make no sense, are refused") {
  const float infinite = std::numeric_limits<float>::infinity();
  for (const auto rule : {SamplingRule::greedy, SamplingRule::softmax, SamplingRule::gumbel}) {
    for (const float bad : {infinite, -infinite, std::nanf("")}) {
      const auto action = sample(std::vector<float>{1, bad}, {rule, 1, 1}, {});
      REQUIRE_FALSE(action);
      CHECK(action.error().code == ErrorCode::model_damaged);
    }
  }
  for (const double temperature : {0.0, -1.0, std::nan(""), static_cast<double>(infinite)}) {
    CHECK(check_sampling({SamplingRule::greedy, temperature, 0}));
    CHECK_FALSE(check_sampling({SamplingRule::softmax, temperature, 0}));
    CHECK_FALSE(check_sampling({SamplingRule::gumbel, temperature, 0}));
  }
  CHECK(check_sampling({SamplingRule::gumbel, 0.1, 0}));
}
