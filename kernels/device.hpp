// A device: something that runs batches. The CPU device (kernels/cpu) is the embedded default and
// the oracle; a GPU device looks the same from here.
//
// Devices are asynchronous. submit() returns at once; when the batch is done the device calls the
// completion on a thread of its own, which must only post a message. Ordinary batches run in the
// order they came. Urgent batches do not wait for them: submit_urgent() raises the device's yield
// word, the running batch reads it between two tiles, the urgent work runs there and then, and the
// batch goes on where it stood, its output bitwise what it would have been.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "kernels/bert.hpp"
#include "kernels/sampler.hpp"

namespace troupe::kernels {

// A text that has been through the tokenizer: word-piece ids, [CLS] and [SEP] included.
struct Tokens {
  std::vector<std::int32_t> ids;
  bool truncated = false;
  bool classify = false;  // wanted are the scores of the model's labels, in place of its vector
  std::shared_ptr<const void> keeps = nullptr;  // what must not go before this text is done
};

// What a policy looks at, and what its random numbers are counted by.
struct Decision {
  std::vector<float> observation;
  DecisionKey key;
};

using DeviceWork = std::variant<Tokens, Recall, Decision>;

struct Item {
  TaskId task;
  DeviceWork work;
};

// All items are of one kind: Tokens for one model, Decisions for one policy, or Recall.
struct Batch {
  BatchId id;
  ModelId model;  // of Tokens the encoder, of Decisions the policy; ignored by Recall
  std::vector<Item> items;
};

struct ItemResult {
  TaskId task;
  Result<Output> output = Error{};
};

struct BatchReport {
  BatchId id;
  std::vector<ItemResult> results;  // one for each item, in their order
  Instant started;
  Instant finished;
  Duration yielded{};        // of that time, spent on urgent work let in
  std::uint32_t yields = 0;  // how often it let urgent work in
};

// Called once for each batch that was taken, on the device's thread. Must not block and must not
// throw: an exception out of it is a broken invariant and aborts the process.
using Completion = std::function<void(BatchReport&&)>;

struct DeviceInfo {
  std::string name;         // "cpu:0"
  std::string description;  // "AVX-512, one thread"
  std::uint32_t queue_batches_max =
      2;  // ordinary batches taken at a time, the running one included
  std::uint32_t urgent_batches_max = 256;  // urgent batches waiting at a time
  Duration tile{};  // a running batch can be entered after about this long; zero: it cannot
};

// What a batch will take: `fixed + per_unit * units`, where a unit is a token of Tokens, a thousand
// memory rows of Recall and one Decision. A first guess by the device, before anything is measured.
struct Cost {
  Duration fixed{};
  Duration per_unit{};
  [[nodiscard]] Duration of(std::uint64_t units) const noexcept {
    return fixed + per_unit * static_cast<Duration::rep>(units);
  }
};

class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual const DeviceInfo& info() const noexcept = 0;

  // Both are safe from any thread and never block. Refused with queue_full over the info's limits,
  // with draining after stop(), with model_missing for a model the device does not hold, with
  // too_large over limits::tasks_per_batch_max or tokens_per_batch_max. A refused batch's
  // completion is never called. What is wrong with a single item becomes that item's result.
  virtual Status submit(Batch batch, Completion completion) = 0;
  virtual Status submit_urgent(Batch batch, Completion completion) = 0;

  // Whether load() and unload() do anything. A device that holds what it was opened with and no
  // other says no, and refuses to load as unsupported.
  [[nodiscard]] virtual bool takes_models() const noexcept { return false; }
  // Takes a text encoder in, which passed check_model(): batches for it are taken from then on. One
  // that it holds already stays. May take seconds; from any thread but the device's own.
  virtual Status load(ModelId model, std::shared_ptr<const BertModel> weights, Precision precision);
  // Lets it go. What was taken is done first; its memory is free when the last of it is done.
  virtual void unload(ModelId /*model*/) {}

  // Of Tokens. Zero for a model the device does not hold.
  [[nodiscard]] virtual Cost cost(ModelId model) const noexcept = 0;

  // Of Recall, whose batches name no model. Zero means the device has no guess.
  [[nodiscard]] virtual Cost recall_cost() const noexcept { return {}; }

  // Of Decisions. Zero for a policy the device does not hold; it counts them by themselves.
  [[nodiscard]] virtual Cost act_cost(ModelId /*policy*/) const noexcept { return {}; }

  // Finishes what was taken, then ends the device's thread. Idempotent; not from a completion.
  virtual void stop() = 0;
};

inline Status Device::load(ModelId, std::shared_ptr<const BertModel>, Precision) {
  return Error{ErrorCode::unsupported, info().name + " takes its models when it opens",
               "leave them at load = \"start\""};
}

}  // namespace troupe::kernels
