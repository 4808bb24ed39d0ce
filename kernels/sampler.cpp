#include "kernels/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/assert.hpp"
#include "base/fnv1a.hpp"
#include "kernels/philox.hpp"
#include "kernels/policy.hpp"

namespace troupe::kernels {
namespace {

constexpr std::uint32_t words_per_block = 4;
static_assert(PolicyModel::width_max / words_per_block <= 0x10000, "blocks are counted by 16 bits");

// Each block serves four actions.
std::array<std::uint32_t, 4> random_words(std::uint64_t seed, const DecisionKey& key,
                                          std::uint32_t block) {
  return philox4x32(
      {static_cast<std::uint32_t>(key.agent), static_cast<std::uint32_t>(key.agent >> 32),
       static_cast<std::uint32_t>(key.step),
       static_cast<std::uint32_t>(key.step >> 32) << 16 | block},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

std::uint32_t pick_greedy(std::span<const float> logits) {
  return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) -
                                    logits.begin());
}

std::uint32_t pick_gumbel(std::span<const float> logits, const Sampling& sampling,
                          const DecisionKey& key) {
  std::uint32_t best = 0;
  double best_score = 0;
  std::array<std::uint32_t, words_per_block> words{};
  for (std::uint32_t action = 0; action < logits.size(); ++action) {
    const std::uint32_t place = action % words_per_block;
    if (place == 0) words = random_words(sampling.seed, key, action / words_per_block);
    // In the middle of its 2^-32, so never 0 nor 1.
    const double uniform = (static_cast<double>(words[place]) + 0.5) * 0x1p-32;
    const double gumbel = -std::log(-std::log(uniform));
    const double score = static_cast<double>(logits[action]) / sampling.temperature + gumbel;
    if (action == 0 || score > best_score) {
      best = action;
      best_score = score;
    }
  }
  return best;
}

std::uint32_t pick_softmax(std::span<const float> logits, const Sampling& sampling,
                           const DecisionKey& key) {
  const auto largest = static_cast<double>(logits[pick_greedy(logits)]);
  const auto weight = [&](float logit) {
    return std::exp((static_cast<double>(logit) - largest) / sampling.temperature);
  };
  double sum = 0;
  for (const float logit : logits) sum += weight(logit);
  const auto words = random_words(sampling.seed, key, 0);
  const std::uint64_t bits = std::uint64_t{words[0]} << 32 | words[1];
  const double place = static_cast<double>(bits >> 11) * 0x1p-53 * sum;
  double below = 0;
  std::uint32_t last = 0;  // with a weight: rounding may leave `place` just beyond the end
  for (std::uint32_t action = 0; action < logits.size(); ++action) {
    const double here = weight(logits[action]);
    below += here;
    if (place < below) return action;
    if (here > 0) last = action;
  }
  return last;
}

}  // namespace

std::uint64_t agent_number(std::string_view agent) noexcept {
  return fnv1a(agent);
}

Status check_sampling(const Sampling& sampling) {
  if (sampling.rule == SamplingRule::greedy) return {};
  if (std::isfinite(sampling.temperature) && sampling.temperature > 0) return {};
  return Error{ErrorCode::invalid_argument,
               "a temperature of " + std::to_string(sampling.temperature),
               "choose one above zero, or greedy"};
}

Status check_step(const DecisionKey& key) {
  if (key.step <= DecisionKey::step_max) return {};
  return Error{ErrorCode::invalid_argument, "step " + std::to_string(key.step) + " of an agent",
               "count from zero; 2^48 - 1 is the last"};
}

Error scores_not_finite() {
  return {ErrorCode::model_damaged, "the policy gave a score that is not finite",
          "get the policy again, or look at what it was shown"};
}

Result<std::uint32_t> sample(std::span<const float> logits, const Sampling& sampling,
                             const DecisionKey& key) {
  TROUPE_ASSERT(!logits.empty() && logits.size() <= PolicyModel::width_max, "no such policy");
  if (!std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }))
    return scores_not_finite();
  if (auto good = check_step(key); !good) return good.error();
  switch (sampling.rule) {
    case SamplingRule::softmax:
      return pick_softmax(logits, sampling, key);
    case SamplingRule::gumbel:
      return pick_gumbel(logits, sampling, key);
    case SamplingRule::greedy:
      break;
  }
  return pick_greedy(logits);
}

}  // namespace troupe::kernels
