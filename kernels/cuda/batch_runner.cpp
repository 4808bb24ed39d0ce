#include "kernels/cuda/batch_runner.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/item_checks.hpp"

namespace troupe::cuda {
namespace {

using kernels::Batch;
using kernels::Tokens;

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

// What came of a text.
Result<Output> output_of(const Tokens& text, const EncoderSlot& slot, std::size_t i,
                         const Encoder& encoder) {
  const auto values = text.classify ? slot.logits(i) : slot.vector(i);
  if (!all_finite(values)) return kernels::not_finite();
  const auto count = static_cast<std::uint32_t>(text.ids.size());
  std::vector<float> numbers(values.begin(), values.end());
  if (!text.classify) return Output(Embedding{std::move(numbers), count, text.truncated});
  const auto names = encoder.labels();
  return Output(Scores{std::move(numbers), {names.begin(), names.end()}, count, text.truncated});
}

}  // namespace

Result<std::unique_ptr<BatchRunner>> BatchRunner::open(const Shared& shared, bool urgent,
                                                       std::size_t slices) {
  std::unique_ptr<BatchRunner> runner(new BatchRunner(shared));
  if (auto good = runner->open_places(urgent, slices); !good) return good.error();
  if (auto good = runner->open_others(); !good) return good.error();
  return runner;
}

// In the order that what depends on something goes first.
BatchRunner::~BatchRunner() {
  // A call back that is still to come would find nobody. A GPU that failed says so once more.
  for (const auto& place : places_) (void)shared_.gpu->wait(place->stream);
  recaller_.reset();
  policies_.reset();
  for (const auto& place : places_) {
    place->slots.clear();
    shared_.gpu->free_stream(place->stream);
  }
}

Status BatchRunner::open_places(bool urgent, std::size_t slices) {
  Gpu& gpu = *shared_.gpu;
  for (std::size_t i = 0; i < slices; ++i) {
    auto place = std::make_unique<Place>(*shared_.bell);
    if (auto good = check(gpu, gpu.make_stream(urgent, &place->stream), "making a stream"); !good)
      return good;
    Place& opened = *places_.emplace_back(std::move(place));
    for (const auto& encoder : shared_.encoders) {
      auto slot = EncoderSlot::open(gpu, opened.stream, encoder,
                                    urgent ? nullptr : shared_.yield_word, shared_.blas);
      if (!slot) return slot.error();
      opened.slots.push_back(std::move(*slot));
    }
    if (auto good = check(gpu, gpu.wait(opened.stream), "making ready"); !good) return good;
  }
  return {};
}

Status BatchRunner::open_others() {
  const Stream stream = places_.front()->stream;
  if (shared_.store != nullptr) {
    auto recaller =
        Recaller::open(*shared_.gpu, stream, *shared_.bell, shared_.store, shared_.residents);
    if (!recaller) return recaller.error();
    recaller_ = std::move(*recaller);
  }
  if (!shared_.policies.empty()) {
    auto runner = PolicyRunner::open(*shared_.gpu, stream, *shared_.bell, shared_.policies);
    if (!runner) return runner.error();
    policies_ = std::move(*runner);
  }
  return {};
}

Status BatchRunner::run(const Batch& batch, Results& results, const Yield& yield) {
  results.resize(batch.items.size());
  for (std::size_t i = 0; i < results.size(); ++i) results[i].task = batch.items[i].task;
  if (auto good = encode_all(batch, results, yield); !good) return good;
  if (auto good = recall_all(batch, results, yield); !good) return good;
  return act_all(batch, results, yield);
}

// Slice after slice, each in the place whose turn it is.
Status BatchRunner::encode_all(const Batch& batch, Results& results, const Yield& yield) {
  std::size_t turn = 0;
  for (std::size_t next = 0; next < batch.items.size();) {
    Place& place = *places_[turn % places_.size()];
    if (auto good = finish(batch, place, results, yield); !good) return good;
    std::size_t tokens = 0;
    for (; next < batch.items.size() && place.items.size() < EncoderSlot::sequences_max; ++next) {
      const auto* text = std::get_if<Tokens>(&batch.items[next].work);
      if (text == nullptr) continue;
      const auto& config = shared_.encoders[batch.model.value]->config();
      if (auto good = kernels::check_text(*text, config); !good) {
        results[next].output = good.error();
        continue;
      }
      if (tokens + text->ids.size() > EncoderSlot::tokens_max(config)) break;
      tokens += text->ids.size();
      place.items.push_back(next);
    }
    if (place.items.empty()) continue;
    if (yield.give_way) yield.give_way();
    if (auto good = start(batch, place); !good) return good;
    ++turn;
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (auto good = finish(batch, *places_[(turn + i) % places_.size()], results, yield); !good)
      return good;
  }
  return {};
}

Status BatchRunner::start(const Batch& batch, Place& place) {
  std::vector<std::span<const std::int32_t>> texts;
  texts.reserve(place.items.size());
  for (const auto item : place.items)
    texts.emplace_back(std::get<Tokens>(batch.items[item].work).ids);
  place.end.expect();
  return place.slots[batch.model.value]->start(texts, &StreamEnd::reached, &place.end);
}

Status BatchRunner::finish(const Batch& batch, Place& place, Results& results, const Yield& yield) {
  if (place.items.empty()) return {};
  if (auto good = place.end.wait(*shared_.gpu, place.stream, yield); !good) return good;
  EncoderSlot& slot = *place.slots[batch.model.value];
  while (!slot.complete()) {
    // It gave way. What it gave way to runs first, and lowers the word.
    if (yield.give_way) yield.give_way();
    place.end.expect();
    if (auto good = slot.resume(&StreamEnd::reached, &place.end); !good) return good;
    if (auto good = place.end.wait(*shared_.gpu, place.stream, yield); !good) return good;
  }
  for (std::size_t i = 0; i < place.items.size(); ++i) {
    const std::size_t item = place.items[i];
    results[item].output = output_of(std::get<Tokens>(batch.items[item].work), slot, i,
                                     *shared_.encoders[batch.model.value]);
  }
  place.items.clear();
  return {};
}

Status BatchRunner::recall_all(const Batch& batch, Results& results, const Yield& yield) {
  std::vector<const Recall*> tasks;
  std::vector<std::size_t> items;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const auto* recall = std::get_if<Recall>(&batch.items[i].work);
    if (recall == nullptr) continue;
    if (recaller_ == nullptr) {
      results[i].output = Error{ErrorCode::unsupported, "this device has no memories to recall",
                                "send the task to a node that keeps them"};
      continue;
    }
    tasks.push_back(recall);
    items.push_back(i);
  }
  if (tasks.empty()) return {};
  std::vector<Result<Hits>> answers;
  if (auto good = recaller_->recall(tasks, answers, yield); !good) return good;
  for (std::size_t i = 0; i < items.size(); ++i)
    results[items[i]].output =
        answers[i] ? Result<Output>(*std::move(answers[i])) : Result<Output>(answers[i].error());
  return {};
}

Status BatchRunner::act_all(const Batch& batch, Results& results, const Yield& yield) {
  std::vector<const kernels::Decision*> decisions;
  std::vector<std::size_t> items;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const auto* decision = std::get_if<kernels::Decision>(&batch.items[i].work);
    if (decision == nullptr) continue;
    decisions.push_back(decision);
    items.push_back(i);
  }
  if (decisions.empty()) return {};
  std::vector<Result<std::uint32_t>> actions;
  if (auto good = policies_->act(batch.model, decisions, actions, yield); !good) return good;
  for (std::size_t i = 0; i < items.size(); ++i)
    results[items[i]].output = actions[i] ? Result<Output>(Output(Action{*actions[i]}))
                                          : Result<Output>(actions[i].error());
  return {};
}

}  // namespace troupe::cuda
