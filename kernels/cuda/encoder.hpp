// A text encoder on a GPU: its weights there, and slots in which batches run.
//
// Half precision by default, with sums, residuals, norms and softmax in float32; single precision
// on request. Widths are padded with zeros to multiples of 64, tokens are not padded at all. Each
// slot has buffers that never move, so that for each size of batch the kernels are captured once as
// a graph and then launched together.
//
// A model with a classifier gives both: every text's vector and the scores of its labels.
//
// A text's vector is bitwise the same whoever shares its batch. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/cuda/buffer.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::cuda {

class Encoder {
 public:
  // Brings the weights over. The model passed check_model(). Errors: too_large (device memory),
  // unsupported (heads too wide), unreachable.
  static Result<std::shared_ptr<const Encoder>> open(
      Gpu& gpu, Stream stream, std::shared_ptr<const kernels::BertModel> model, Number number);

  [[nodiscard]] const kernels::BertConfig& config() const noexcept { return model_->config; }
  // Names, as many as config().labels.
  [[nodiscard]] std::span<const std::string> labels() const noexcept;

 private:
  friend class EncoderSlot;
  struct Layer {
    std::size_t qkv, qkv_bias, out, out_bias, norm_gain, norm_bias;
    std::size_t ffn_in, ffn_in_bias, ffn_out, ffn_out_bias, ffn_norm_gain, ffn_norm_bias;
  };
  struct Head {
    std::size_t pooler, pooler_bias, classifier, classifier_bias;
  };
  class Image;

  Encoder(std::shared_ptr<const kernels::BertModel> model, Number number);
  void lay_out(Image& image);

  std::shared_ptr<const kernels::BertModel> model_;
  Number number_;
  std::uint32_t stride_;
  std::uint32_t ffn_stride_;
  std::uint32_t labels_stride_;                                             // 0 without a head
  std::size_t words_ = 0, positions_ = 0, type_ = 0, gain_ = 0, bias_ = 0;  // places in memory_
  std::vector<Layer> layers_;
  Head head_{};
  Buffer memory_;
};

class EncoderSlot {
 public:
  static constexpr std::uint32_t sequences_max = 512;

  // What one batch may hold.
  static std::uint32_t tokens_max(const kernels::BertConfig& config) noexcept;

  static constexpr std::uint32_t blas_tokens_min = 256;

  // With a yield word batches are resumable (portable/stage.hpp): their kernels stop between two
  // tiles as soon as it is set. It is pinned memory and outlives the slot.
  // With `blas`, which was opened, the layers' products in graphs for blas_tokens_min tokens and
  // more are cuBLAS's, unless the batches are resumable. A text's vector may then differ in its
  // last bits between batches of different graphs; it is still the same whoever shares one of the
  // same.
  static Result<std::unique_ptr<EncoderSlot>> open(Gpu& gpu, Stream stream,
                                                   std::shared_ptr<const Encoder> encoder,
                                                   const std::uint32_t* yield = nullptr,
                                                   bool blas = false);
  ~EncoderSlot();
  EncoderSlot(const EncoderSlot&) = delete;
  EncoderSlot& operator=(const EncoderSlot&) = delete;

  // Starts a batch of 1 to sequences_max texts of at most tokens_max() tokens together, each as the
  // model allows. `done` is called as Gpu::call() does when the vectors can be read; until then no
  // other start().
  Status start(std::span<const std::span<const std::int32_t>> texts, void (*done)(void*),
               void* argument);

  // Whether the batch came to its end before `done` was called. If not, it goes on with resume(),
  // which is as start() with the same texts; what comes out is bitwise the same.
  [[nodiscard]] bool complete() const noexcept;
  Status resume(void (*done)(void*), void* argument);

  // Text i's, of the model's width, until the next start().
  [[nodiscard]] std::span<const float> vector(std::size_t i) const noexcept;

  // Text i's scores of the labels, likewise; of a model that has a classifier.
  [[nodiscard]] std::span<const float> logits(std::size_t i) const noexcept;

 private:
  struct Bucket {
    std::uint32_t tokens;
    Graph graph;
  };
  EncoderSlot(Gpu& gpu, Stream stream, std::shared_ptr<const Encoder> encoder,
              const std::uint32_t* yield, bool blas);
  Status allocate();
  Status capture(std::uint32_t tokens);
  [[nodiscard]] bool uses_blas(std::uint32_t tokens) const noexcept;
  Status plan_products(std::uint32_t tokens);
  Status record(std::uint32_t tokens);
  [[nodiscard]] std::size_t stages() const noexcept;
  // Of the next kernel that is recorded.
  Stage next_stage();
  void record_head(std::uint32_t sequences, const std::function<void(int)>& note);

  Gpu& gpu_;
  Stream stream_;
  std::shared_ptr<const Encoder> encoder_;
  const std::uint32_t* yield_;  // none: in one go
  bool blas_;
  Buffer device_;
  Buffer pinned_;
  Buffer workspace_;  // cuBLAS's
  // Places in device_; the input's are the same in pinned_, where vectors and logits follow.
  std::size_t ids_ = 0, positions_ = 0, starts_ = 0, blocks_ = 0, input_bytes_ = 0;
  std::size_t hidden_ = 0, rounded_ = 0, sum_ = 0, qkv_ = 0, context_ = 0, ffn_ = 0, vectors_ = 0;
  std::size_t firsts_ = 0, pooled_ = 0, logits_ = 0, vectors_pinned_ = 0, logits_pinned_ = 0;
  std::size_t counters_ = 0, complete_pinned_ = 0;  // of stages; of the last one
  std::size_t stage_ = 0;                           // while recording: which is next
  std::size_t texts_ = 0;                           // of the batch that runs
  Graph graph_ = nullptr;                           // likewise
  std::vector<Bucket> buckets_;                     // ascending
};

}  // namespace troupe::cuda
