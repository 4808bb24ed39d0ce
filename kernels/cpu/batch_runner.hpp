// Turns a Batch into its results on the CPU: checks each item, encodes the good ones together,
// answers recalls together, and decides together. What is wrong with one item becomes that item's
// Error and disturbs no other.
//
// A runner has workspaces of its own, and is given one for texts, so that the device can run an
// urgent batch with one runner while an ordinary batch stands still in the middle of another. One
// thread at a time.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/cpu/encoder.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/policy_runner.hpp"
#include "kernels/cpu/recall.hpp"
#include "kernels/device.hpp"
#include "kernels/memory.hpp"

namespace troupe::kernels::cpu {

// A policy with packed weights, and how its actions are picked.
struct PackedPolicy {
  std::shared_ptr<const Policy> policy;
  Sampling sampling;
};

// An encoder, and the workspace in which it encodes one batch at a time.
struct EncoderSeat {
  std::shared_ptr<const Encoder> encoder;
  EncoderWorkspace workspace;
  explicit EncoderSeat(std::shared_ptr<const Encoder> which)
      : encoder(std::move(which)), workspace(encoder->make_workspace()) {}
};

class BatchRunner {
 public:
  // The policies are by ModelId. `memory` may be null: recalls then fail.
  BatchRunner(const Tiles& tiles, const std::vector<PackedPolicy>& policies,
              std::shared_ptr<const MemoryStore> memory);

  // One result for each item, in their order. `seat` is of the batch's model; a batch without texts
  // needs none. A batch with more tokens than the workspace holds is encoded in slices of whole
  // texts, which changes no result. `yield` runs between tiles.
  std::vector<ItemResult> run(const Batch& batch, EncoderSeat* seat, const YieldHook& yield);

 private:
  // A checked item on its way through the encoder, and what comes out there: its vector, or the
  // scores of its labels.
  struct Pending {
    std::size_t item;
    std::vector<float> values;
  };

  struct Actor {
    PolicyRunner runner;
    Sampling sampling;
  };

  void act_all(const Batch& batch, std::vector<ItemResult>& results, const YieldHook& yield);
  void recall_all(const Batch& batch, std::vector<ItemResult>& results, const YieldHook& yield);
  void encode_all(const Batch& batch, EncoderSeat* seat, std::vector<ItemResult>& results,
                  const YieldHook& yield);
  void encode_slice(const Batch& batch, EncoderSeat& seat, std::vector<Pending>& slice,
                    std::vector<ItemResult>& results, const YieldHook& yield);

  std::vector<Actor> actors_;  // by ModelId, of policies
  std::shared_ptr<const MemoryStore> memory_;
  Recaller recaller_;
};

}  // namespace troupe::kernels::cpu
