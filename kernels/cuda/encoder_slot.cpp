#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/assert.hpp"
#include "kernels/cuda/encoder.hpp"

namespace troupe::cuda {
namespace {

constexpr std::uint32_t tokens_first = 64;  // of the smallest bucket; the others double
constexpr std::uint32_t tokens_enough = 2048;

std::uint32_t query_blocks_max(std::uint32_t tokens) {
  return tokens / queries_per_block + std::min(tokens, EncoderSlot::sequences_max);
}

// Places one after the other, each on a boundary that any load wants.
class Places {
 public:
  std::size_t take(std::size_t bytes) {
    constexpr std::size_t boundary = 256;
    const std::size_t place = used_;
    used_ += (bytes + boundary - 1) / boundary * boundary;
    return place;
  }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::size_t used_ = 0;
};

}  // namespace

std::uint32_t EncoderSlot::tokens_max(const kernels::BertConfig& config) noexcept {
  return std::max(tokens_enough, config.tokens_max);
}

EncoderSlot::EncoderSlot(Gpu& gpu, Stream stream, std::shared_ptr<const Encoder> encoder)
    : gpu_(gpu), stream_(stream), encoder_(std::move(encoder)) {}

EncoderSlot::~EncoderSlot() {
  for (const Bucket& bucket : buckets_) gpu_.free_graph(bucket.graph);
  if (pinned_ != nullptr) gpu_.release_pinned(pinned_);
  if (device_ != nullptr) gpu_.release(device_);
}

Result<std::unique_ptr<EncoderSlot>> EncoderSlot::open(Gpu& gpu, Stream stream,
                                                       std::shared_ptr<const Encoder> encoder) {
  std::unique_ptr<EncoderSlot> slot(new EncoderSlot(gpu, stream, std::move(encoder)));
  if (auto good = slot->allocate(); !good) return good.error();
  const std::uint32_t most = tokens_max(slot->encoder_->config());
  for (std::uint32_t tokens = tokens_first;; tokens *= 2) {
    if (auto good = slot->capture(std::min(tokens, most)); !good) return good.error();
    if (tokens >= most) break;
  }
  return slot;
}

Status EncoderSlot::allocate() {
  const std::size_t tokens = tokens_max(encoder_->config());
  const std::size_t number_bytes = encoder_->number_ == Number::f16 ? 2 : 4;
  const std::size_t stride = encoder_->stride_;
  Places places;
  places.take(sizeof(Extent));
  ids_ = places.take(tokens * sizeof(std::int32_t));
  positions_ = places.take(tokens * sizeof(std::int32_t));
  starts_ = places.take((sequences_max + 1) * sizeof(std::uint32_t));
  blocks_ = places.take(query_blocks_max(static_cast<std::uint32_t>(tokens)) * sizeof(QueryBlock));
  input_bytes_ = places.used();
  hidden_ = places.take(tokens * stride * sizeof(float));
  rounded_ =
      encoder_->number_ == Number::f32 ? hidden_ : places.take(tokens * stride * number_bytes);
  sum_ = places.take(tokens * stride * sizeof(float));
  qkv_ = places.take(tokens * 3 * stride * number_bytes);
  context_ = places.take(tokens * stride * number_bytes);
  ffn_ = places.take(tokens * encoder_->ffn_stride_ * number_bytes);
  vectors_ = places.take(sequences_max * stride * sizeof(float));
  void* memory = nullptr;
  if (auto good = check(gpu_, gpu_.allocate(places.used(), &memory), "allocating a batch's room");
      !good)
    return good;
  device_ = static_cast<std::byte*>(memory);
  const std::size_t pinned_bytes = input_bytes_ + sequences_max * stride * sizeof(float);
  if (auto good = check(gpu_, gpu_.allocate_pinned(pinned_bytes, &memory), "allocating for copies");
      !good)
    return good;
  pinned_ = static_cast<std::byte*>(memory);
  // Columns that no kernel writes are read, times zero.
  return check(gpu_, gpu_.clear(device_, places.used(), stream_), "clearing a batch's room");
}

Status EncoderSlot::capture(std::uint32_t tokens) {
  if (auto good = check(gpu_, gpu_.begin_capture(stream_), "beginning a capture"); !good)
    return good;
  const Status recorded = record(tokens);
  Graph graph = nullptr;
  const Status ended = check(gpu_, gpu_.end_capture(stream_, &graph), "ending a capture");
  if (ended) buckets_.push_back({tokens, graph});
  return recorded ? ended : recorded;
}

Status EncoderSlot::record(std::uint32_t tokens) {
  const Encoder& e = *encoder_;
  const kernels::BertConfig& config = e.config();
  const std::byte* const weights = e.memory_;
  const auto floats = [&](std::size_t place) {
    return reinterpret_cast<const float*>(weights + place);
  };
  const auto* const extent = reinterpret_cast<const Extent*>(device_);
  auto* const hidden = reinterpret_cast<float*>(device_ + hidden_);
  void* const rounded = e.number_ == Number::f16 ? device_ + rounded_ : nullptr;
  auto* const sum = reinterpret_cast<float*>(device_ + sum_);
  const auto* const starts = reinterpret_cast<const std::uint32_t*>(device_ + starts_);
  int failed = 0;
  const auto note = [&](int status) {
    if (failed == 0) failed = status;
  };
  const auto gemm = [&](std::size_t x, std::uint32_t in, std::size_t weight, const float* bias,
                        std::size_t y, std::uint32_t out, Number result, Activation activation) {
    note(gpu_.gemm({e.number_,
                    result,
                    activation,
                    in,
                    out,
                    tokens,
                    &extent->tokens,
                    device_ + x,
                    weights + weight,
                    bias,
                    device_ + y,
                    {}},
                   stream_));
  };
  const auto residual_norm = [&](std::size_t bias, std::size_t gain, std::size_t norm_bias) {
    note(gpu_.residual_norm({e.number_,
                             config.width,
                             e.stride_,
                             tokens,
                             config.layer_norm_epsilon,
                             extent,
                             sum,
                             floats(bias),
                             floats(gain),
                             floats(norm_bias),
                             hidden,
                             rounded,
                             {}},
                            stream_));
  };

  note(gpu_.embed({e.number_,
                   config.width,
                   e.stride_,
                   tokens,
                   config.layer_norm_epsilon,
                   extent,
                   reinterpret_cast<const std::int32_t*>(device_ + ids_),
                   reinterpret_cast<const std::int32_t*>(device_ + positions_),
                   weights + e.words_,
                   weights + e.positions_,
                   weights + e.type_,
                   floats(e.gain_),
                   floats(e.bias_),
                   hidden,
                   rounded,
                   {}},
                  stream_));
  const std::uint32_t head_width = config.width / config.heads;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_width)));
  for (const Encoder::Layer& layer : e.layers_) {
    gemm(rounded_, e.stride_, layer.qkv, floats(layer.qkv_bias), qkv_, 3 * e.stride_, e.number_,
         Activation::none);
    note(gpu_.attention({e.number_,
                         config.heads,
                         head_width,
                         e.stride_,
                         query_blocks_max(tokens),
                         scale,
                         extent,
                         reinterpret_cast<const QueryBlock*>(device_ + blocks_),
                         device_ + qkv_,
                         device_ + context_,
                         {}},
                        stream_));
    gemm(context_, e.stride_, layer.out, nullptr, sum_, e.stride_, Number::f32, Activation::none);
    residual_norm(layer.out_bias, layer.norm_gain, layer.norm_bias);
    gemm(rounded_, e.stride_, layer.ffn_in, floats(layer.ffn_in_bias), ffn_, e.ffn_stride_,
         e.number_, Activation::gelu);
    gemm(ffn_, e.ffn_stride_, layer.ffn_out, nullptr, sum_, e.stride_, Number::f32,
         Activation::none);
    residual_norm(layer.ffn_out_bias, layer.ffn_norm_gain, layer.ffn_norm_bias);
  }
  note(gpu_.pool({config.width,
                  e.stride_,
                  std::min(tokens, sequences_max),
                  extent,
                  starts,
                  hidden,
                  reinterpret_cast<float*>(device_ + vectors_),
                  {}},
                 stream_));
  return check(gpu_, failed, "recording a batch's kernels");
}

Status EncoderSlot::start(std::span<const std::span<const std::int32_t>> texts, void (*done)(void*),
                          void* argument) {
  TROUPE_ASSERT(!texts.empty() && texts.size() <= sequences_max, "a batch of too many texts");
  auto* const ids = reinterpret_cast<std::int32_t*>(pinned_ + ids_);
  auto* const positions = reinterpret_cast<std::int32_t*>(pinned_ + positions_);
  auto* const starts = reinterpret_cast<std::uint32_t*>(pinned_ + starts_);
  auto* const blocks = reinterpret_cast<QueryBlock*>(pinned_ + blocks_);
  Extent extent{};
  for (const auto text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    TROUPE_ASSERT(extent.tokens + length <= buckets_.back().tokens, "a batch of too many tokens");
    starts[extent.sequences++] = extent.tokens;
    for (std::uint32_t query = 0; query < length; query += queries_per_block)
      blocks[extent.query_blocks++] = {extent.tokens, length, query, 0};
    for (std::uint32_t i = 0; i < length; ++i) {
      ids[extent.tokens] = text[i];
      positions[extent.tokens++] = static_cast<std::int32_t>(i);
    }
  }
  starts[extent.sequences] = extent.tokens;
  std::memcpy(pinned_, &extent, sizeof extent);
  const auto bucket = std::find_if(buckets_.begin(), buckets_.end(),
                                   [&](const Bucket& b) { return b.tokens >= extent.tokens; });
  if (auto good = check(gpu_, gpu_.copy_in(device_, pinned_, input_bytes_, stream_),
                        "bringing a batch over");
      !good)
    return good;
  if (auto good = check(gpu_, gpu_.launch_graph(bucket->graph, stream_), "launching a batch");
      !good)
    return good;
  const std::size_t bytes = texts.size() * encoder_->stride_ * sizeof(float);
  if (auto good =
          check(gpu_, gpu_.copy_out(pinned_ + input_bytes_, device_ + vectors_, bytes, stream_),
                "bringing the vectors back");
      !good)
    return good;
  return check(gpu_, gpu_.call(done, argument, stream_), "asking to be called");
}

std::span<const float> EncoderSlot::vector(std::size_t i) const noexcept {
  const auto* const vectors = reinterpret_cast<const float*>(pinned_ + input_bytes_);
  return {vectors + i * encoder_->stride_, encoder_->config().width};
}

}  // namespace troupe::cuda
