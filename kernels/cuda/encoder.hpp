// A text encoder on a GPU: its weights there, and slots in which batches run.
//
// Half precision by default, with sums, residuals, norms and softmax in float32; single precision
// on request. Widths are padded with zeros to multiples of 64, tokens are not padded at all. Each
// slot has buffers that never move, so that for each size of batch the kernels are captured once as
// a graph and then launched together.
//
// A text's vector is bitwise the same whoever shares its batch. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::cuda {

// A failed call as an Error: too_large where memory is short, unreachable for all else.
Status check(Gpu& gpu, int status, const char* doing);

class Encoder {
 public:
  // Brings the weights over. The model passed check_model(). Errors: too_large (device memory),
  // unsupported (heads too wide), unreachable.
  static Result<std::shared_ptr<const Encoder>> open(
      Gpu& gpu, Stream stream, std::shared_ptr<const kernels::BertModel> model, Number number);
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  [[nodiscard]] const kernels::BertConfig& config() const noexcept { return model_->config; }

 private:
  friend class EncoderSlot;
  struct Layer {
    std::size_t qkv, qkv_bias, out, out_bias, norm_gain, norm_bias;
    std::size_t ffn_in, ffn_in_bias, ffn_out, ffn_out_bias, ffn_norm_gain, ffn_norm_bias;
  };
  class Image;

  Encoder(Gpu& gpu, std::shared_ptr<const kernels::BertModel> model, Number number);
  void lay_out(Image& image);

  Gpu& gpu_;
  std::shared_ptr<const kernels::BertModel> model_;
  Number number_;
  std::uint32_t stride_;
  std::uint32_t ffn_stride_;
  std::size_t words_ = 0, positions_ = 0, type_ = 0, gain_ = 0, bias_ = 0;  // places in memory_
  std::vector<Layer> layers_;
  std::byte* memory_ = nullptr;  // of the GPU
};

class EncoderSlot {
 public:
  static constexpr std::uint32_t sequences_max = 512;

  // What one batch may hold.
  static std::uint32_t tokens_max(const kernels::BertConfig& config) noexcept;

  static Result<std::unique_ptr<EncoderSlot>> open(Gpu& gpu, Stream stream,
                                                   std::shared_ptr<const Encoder> encoder);
  ~EncoderSlot();
  EncoderSlot(const EncoderSlot&) = delete;
  EncoderSlot& operator=(const EncoderSlot&) = delete;

  // Starts a batch of 1 to sequences_max texts of at most tokens_max() tokens together, each as the
  // model allows. `done` is called as Gpu::call() does when the vectors can be read; until then no
  // other start().
  Status start(std::span<const std::span<const std::int32_t>> texts, void (*done)(void*),
               void* argument);

  // Text i's, of the model's width, until the next start().
  [[nodiscard]] std::span<const float> vector(std::size_t i) const noexcept;

 private:
  struct Bucket {
    std::uint32_t tokens;
    Graph graph;
  };
  EncoderSlot(Gpu& gpu, Stream stream, std::shared_ptr<const Encoder> encoder);
  Status allocate();
  Status capture(std::uint32_t tokens);
  Status record(std::uint32_t tokens);

  Gpu& gpu_;
  Stream stream_;
  std::shared_ptr<const Encoder> encoder_;
  std::byte* device_ = nullptr;
  std::byte* pinned_ = nullptr;
  // Places in device_; the input's are the same in pinned_.
  std::size_t ids_ = 0, positions_ = 0, starts_ = 0, blocks_ = 0, input_bytes_ = 0;
  std::size_t hidden_ = 0, rounded_ = 0, sum_ = 0, qkv_ = 0, context_ = 0, ffn_ = 0, vectors_ = 0;
  std::vector<Bucket> buckets_;  // ascending
};

}  // namespace troupe::cuda
