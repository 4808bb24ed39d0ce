#include "kernels/cpu/batch_runner.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "kernels/item_checks.hpp"

namespace troupe::kernels::cpu {
namespace {

// What came of a text.
Output output_of(const Tokens& tokens, std::vector<float>&& values, const Encoder& encoder) {
  const auto count = static_cast<std::uint32_t>(tokens.ids.size());
  if (!tokens.classify) return Embedding{std::move(values), count, tokens.truncated};
  const auto names = encoder.labels();
  return Scores{std::move(values), {names.begin(), names.end()}, count, tokens.truncated};
}

bool all_finite(const std::vector<float>& vector) {
  return std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); });
}

}  // namespace

BatchRunner::BatchRunner(const Tiles& tiles, const std::vector<PackedPolicy>& policies,
                         std::shared_ptr<const MemoryStore> memory)
    : memory_(std::move(memory)), recaller_(tiles) {
  actors_.reserve(policies.size());
  for (const auto& [policy, sampling] : policies)
    actors_.push_back({PolicyRunner(policy), sampling});
}

std::vector<ItemResult> BatchRunner::run(const Batch& batch, EncoderSeat* seat,
                                         const YieldHook& yield) {
  std::vector<ItemResult> results(batch.items.size());
  for (std::size_t i = 0; i < results.size(); ++i) results[i].task = batch.items[i].task;
  encode_all(batch, seat, results, yield);
  recall_all(batch, results, yield);
  act_all(batch, results, yield);
  return results;
}

void BatchRunner::act_all(const Batch& batch, std::vector<ItemResult>& results,
                          const YieldHook& yield) {
  std::vector<Observation> observations;
  std::vector<std::size_t> items;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const auto* decision = std::get_if<Decision>(&batch.items[i].work);
    if (decision == nullptr) continue;
    observations.push_back({decision->observation, decision->key});
    items.push_back(i);
  }
  if (items.empty()) return;
  TROUPE_ASSERT(batch.model.value < actors_.size(), "a batch for a policy nobody checked");
  auto& [runner, sampling] = actors_[batch.model.value];
  const auto actions = runner.act(observations, sampling, yield);
  for (std::size_t i = 0; i < items.size(); ++i)
    results[items[i]].output = actions[i] ? Result<Output>(Output(Action{*actions[i]}))
                                          : Result<Output>(actions[i].error());
}

void BatchRunner::recall_all(const Batch& batch, std::vector<ItemResult>& results,
                             const YieldHook& yield) {
  std::vector<const Recall*> tasks;
  std::vector<std::size_t> items;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const auto* recall = std::get_if<Recall>(&batch.items[i].work);
    if (recall == nullptr) continue;
    if (memory_ == nullptr) {
      results[i].output = Error{ErrorCode::unsupported, "this device has no memories to recall",
                                "send the task to a node that keeps them"};
      continue;
    }
    tasks.push_back(recall);
    items.push_back(i);
  }
  if (tasks.empty()) return;
  auto answers = recaller_.recall(*memory_, tasks, yield);
  for (std::size_t i = 0; i < items.size(); ++i)
    results[items[i]].output =
        answers[i] ? Result<Output>(*std::move(answers[i])) : Result<Output>(answers[i].error());
}

void BatchRunner::encode_all(const Batch& batch, EncoderSeat* seat,
                             std::vector<ItemResult>& results, const YieldHook& yield) {
  std::vector<Pending> slice;
  std::size_t slice_tokens = 0;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const auto* tokens = std::get_if<Tokens>(&batch.items[i].work);
    if (tokens == nullptr) continue;
    TROUPE_ASSERT(seat != nullptr, "a batch for a model nobody checked");
    const Encoder& encoder = *seat->encoder;
    if (auto good = check_text(*tokens, encoder.config()); !good) {
      results[i].output = good.error();
      continue;
    }
    if (slice_tokens + tokens->ids.size() > encoder.tokens_max()) {
      encode_slice(batch, *seat, slice, results, yield);
      slice_tokens = 0;
    }
    slice_tokens += tokens->ids.size();
    slice.push_back({i, std::vector<float>(tokens->classify ? encoder.config().labels
                                                            : encoder.config().width)});
  }
  if (!slice.empty()) encode_slice(batch, *seat, slice, results, yield);
}

void BatchRunner::encode_slice(const Batch& batch, EncoderSeat& seat, std::vector<Pending>& slice,
                               std::vector<ItemResult>& results, const YieldHook& yield) {
  std::vector<Sequence> sequences;
  sequences.reserve(slice.size());
  const auto tokens_of = [&](const Pending& pending) -> const Tokens& {
    return std::get<Tokens>(batch.items[pending.item].work);
  };
  for (auto& pending : slice) {
    const Tokens& tokens = tokens_of(pending);
    float* const values = pending.values.data();
    sequences.push_back(
        {tokens.ids, tokens.classify ? nullptr : values, tokens.classify ? values : nullptr});
  }
  const Encoder& encoder = *seat.encoder;
  encoder.encode(sequences, seat.workspace, yield);
  for (auto& pending : slice) {
    if (all_finite(pending.values))
      results[pending.item].output =
          output_of(tokens_of(pending), std::move(pending.values), encoder);
    else
      results[pending.item].output = not_finite();
  }
  slice.clear();
}

}  // namespace troupe::kernels::cpu
