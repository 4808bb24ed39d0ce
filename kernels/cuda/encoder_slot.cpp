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

}  // namespace

std::uint32_t EncoderSlot::tokens_max(const kernels::BertConfig& config) noexcept {
  return std::max(tokens_enough, config.tokens_max);
}

EncoderSlot::EncoderSlot(Gpu& gpu, Stream stream, std::shared_ptr<const Encoder> encoder,
                         const std::uint32_t* yield, bool blas)
    : gpu_(gpu), stream_(stream), encoder_(std::move(encoder)), yield_(yield), blas_(blas) {}

EncoderSlot::~EncoderSlot() {
  for (const Bucket& bucket : buckets_) gpu_.free_graph(bucket.graph);
}

Result<std::unique_ptr<EncoderSlot>> EncoderSlot::open(Gpu& gpu, Stream stream,
                                                       std::shared_ptr<const Encoder> encoder,
                                                       const std::uint32_t* yield, bool blas) {
  std::unique_ptr<EncoderSlot> slot(new EncoderSlot(gpu, stream, std::move(encoder), yield, blas));
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
  const std::size_t vector_bytes = sequences_max * stride * sizeof(float);
  const std::size_t logits_bytes = sequences_max * encoder_->labels_stride_ * sizeof(float);
  vectors_ = places.take(vector_bytes);
  logits_ = places.take(logits_bytes);
  if (encoder_->labels_stride_ > 0) {
    firsts_ = places.take(sequences_max * stride * number_bytes);
    pooled_ = places.take(sequences_max * stride * number_bytes);
  }
  counters_ = places.take(stages() * sizeof(StageCounters));
  if (auto good =
          device_.allocate(gpu_, Buffer::Kind::device, places.used(), "allocating a batch's room");
      !good)
    return good;
  Places pinned;
  pinned.take(input_bytes_);
  vectors_pinned_ = pinned.take(vector_bytes);
  logits_pinned_ = pinned.take(logits_bytes);
  complete_pinned_ = pinned.take(sizeof(StageCounters));
  if (auto good =
          pinned_.allocate(gpu_, Buffer::Kind::pinned, pinned.used(), "allocating for copies");
      !good)
    return good;
  if (blas_ && yield_ == nullptr) {
    if (auto good = workspace_.allocate(gpu_, Buffer::Kind::device, Product::workspace_bytes,
                                        "allocating for products");
        !good)
      return good;
  }
  // Columns that no kernel writes are read, times zero.
  return check(gpu_, gpu_.clear(device_.data(), device_.size(), stream_),
               "clearing a batch's room");
}

bool EncoderSlot::uses_blas(std::uint32_t tokens) const noexcept {
  return blas_ && yield_ == nullptr && tokens >= blas_tokens_min;
}

Status EncoderSlot::plan_products(std::uint32_t tokens) {
  const Encoder& e = *encoder_;
  for (const ProductShape& shape :
       {ProductShape{e.number_, e.number_, e.stride_, 3 * e.stride_, tokens},
        ProductShape{e.number_, Number::f32, e.stride_, e.stride_, tokens},
        ProductShape{e.number_, e.number_, e.stride_, e.ffn_stride_, tokens},
        ProductShape{e.number_, Number::f32, e.ffn_stride_, e.stride_, tokens}}) {
    if (auto good = check(gpu_, gpu_.plan_product(shape), "planning a product"); !good) return good;
  }
  return {};
}

Status EncoderSlot::capture(std::uint32_t tokens) {
  if (uses_blas(tokens)) {
    if (auto good = plan_products(tokens); !good) return good;
  }
  if (auto good = check(gpu_, gpu_.begin_capture(stream_), "beginning a capture"); !good)
    return good;
  const Status recorded = record(tokens);
  Graph graph = nullptr;
  const Status ended = check(gpu_, gpu_.end_capture(stream_, &graph), "ending a capture");
  if (ended) buckets_.push_back({tokens, graph});
  return recorded ? ended : recorded;
}

// Embedding, seven for each layer, pooling, and three of a head.
std::size_t EncoderSlot::stages() const noexcept {
  return 2 + 7 * std::size_t{encoder_->config().layers} + (encoder_->labels_stride_ > 0 ? 3 : 0);
}

Stage EncoderSlot::next_stage() {
  if (yield_ == nullptr) return {};
  auto* const counters = device_.at<StageCounters>(counters_) + stage_;
  Stage stage;
  stage.counters = counters;
  stage.before = stage_ == 0 ? nullptr : counters - 1;
  stage.yield = yield_;
  ++stage_;
  return stage;
}

Status EncoderSlot::record(std::uint32_t tokens) {
  stage_ = 0;
  const Encoder& e = *encoder_;
  const kernels::BertConfig& config = e.config();
  const std::byte* const weights = e.memory_.data();
  const auto floats = [&](std::size_t place) {
    return reinterpret_cast<const float*>(weights + place);
  };
  const auto* const extent = device_.at<const Extent>(0);
  auto* const hidden = device_.at<float>(hidden_);
  void* const rounded = e.number_ == Number::f16 ? device_.data() + rounded_ : nullptr;
  auto* const sum = device_.at<float>(sum_);
  const auto* const starts = reinterpret_cast<const std::uint32_t*>(device_.data() + starts_);
  int failed = 0;
  const auto note = [&](int status) {
    if (failed == 0) failed = status;
  };
  const auto gemm = [&](std::size_t x, std::uint32_t in, std::size_t weight, const float* bias,
                        std::size_t y, std::uint32_t out, Number result, Activation activation) {
    if (uses_blas(tokens)) {
      note(gpu_.product({{e.number_, result, in, out, tokens},
                         device_.data() + x,
                         weights + weight,
                         device_.data() + y,
                         workspace_.data()},
                        stream_));
      if (bias == nullptr) return;
      note(gpu_.bias_activation({result, activation, out, tokens, extent, bias, device_.data() + y},
                                stream_));
      return;
    }
    note(gpu_.gemm({e.number_, result, activation, in, out, tokens, &extent->tokens,
                    device_.data() + x, weights + weight, bias, device_.data() + y, next_stage()},
                   stream_));
  };
  const auto residual_norm = [&](std::size_t bias, std::size_t gain, std::size_t norm_bias) {
    note(gpu_.residual_norm(
        {e.number_, config.width, e.stride_, tokens, config.layer_norm_epsilon, extent, sum,
         floats(bias), floats(gain), floats(norm_bias), hidden, rounded, next_stage()},
        stream_));
  };

  note(gpu_.embed({e.number_, config.width, e.stride_, tokens, config.layer_norm_epsilon, extent,
                   reinterpret_cast<const std::int32_t*>(device_.data() + ids_),
                   reinterpret_cast<const std::int32_t*>(device_.data() + positions_),
                   weights + e.words_, weights + e.positions_, weights + e.type_, floats(e.gain_),
                   floats(e.bias_), hidden, rounded, next_stage()},
                  stream_));
  const std::uint32_t head_width = config.width / config.heads;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_width)));
  for (const Encoder::Layer& layer : e.layers_) {
    gemm(rounded_, e.stride_, layer.qkv, floats(layer.qkv_bias), qkv_, 3 * e.stride_, e.number_,
         Activation::none);
    note(gpu_.attention({e.number_, config.heads, head_width, e.stride_, query_blocks_max(tokens),
                         scale, extent, device_.at<const QueryBlock>(blocks_),
                         device_.data() + qkv_, device_.data() + context_, next_stage()},
                        stream_));
    gemm(context_, e.stride_, layer.out, nullptr, sum_, e.stride_, Number::f32, Activation::none);
    residual_norm(layer.out_bias, layer.norm_gain, layer.norm_bias);
    gemm(rounded_, e.stride_, layer.ffn_in, floats(layer.ffn_in_bias), ffn_, e.ffn_stride_,
         e.number_, Activation::gelu);
    gemm(ffn_, e.ffn_stride_, layer.ffn_out, nullptr, sum_, e.stride_, Number::f32,
         Activation::none);
    residual_norm(layer.ffn_out_bias, layer.ffn_norm_gain, layer.ffn_norm_bias);
  }
  note(gpu_.pool({config.width, e.stride_, std::min(tokens, sequences_max), extent, starts, hidden,
                  device_.at<float>(vectors_), next_stage()},
                 stream_));
  if (e.labels_stride_ > 0) record_head(std::min(tokens, sequences_max), note);
  return check(gpu_, failed, "recording a batch's kernels");
}

void EncoderSlot::record_head(std::uint32_t sequences, const std::function<void(int)>& note) {
  const Encoder& e = *encoder_;
  const auto* const extent = device_.at<const Extent>(0);
  const auto* const weights = e.memory_.data();
  const auto gemm = [&](std::size_t x, std::size_t weight, std::size_t bias, std::size_t y,
                        std::uint32_t out, Number result, Activation activation) {
    note(gpu_.gemm({e.number_, result, activation, e.stride_, out, sequences, &extent->sequences,
                    device_.data() + x, weights + weight, e.memory_.at<const float>(bias),
                    device_.data() + y, next_stage()},
                   stream_));
  };
  note(gpu_.gather_first(
      {e.number_, e.stride_, sequences, extent, device_.at<const std::uint32_t>(starts_),
       device_.at<const float>(hidden_), device_.data() + firsts_, next_stage()},
      stream_));
  gemm(firsts_, e.head_.pooler, e.head_.pooler_bias, pooled_, e.stride_, e.number_,
       Activation::tanh);
  gemm(pooled_, e.head_.classifier, e.head_.classifier_bias, logits_, e.labels_stride_, Number::f32,
       Activation::none);
}

Status EncoderSlot::start(std::span<const std::span<const std::int32_t>> texts, void (*done)(void*),
                          void* argument) {
  TROUPE_ASSERT(!texts.empty() && texts.size() <= sequences_max, "a batch of too many texts");
  auto* const ids = pinned_.at<std::int32_t>(ids_);
  auto* const positions = pinned_.at<std::int32_t>(positions_);
  auto* const starts = pinned_.at<std::uint32_t>(starts_);
  auto* const blocks = pinned_.at<QueryBlock>(blocks_);
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
  std::memcpy(pinned_.data(), &extent, sizeof extent);
  const auto bucket = std::find_if(buckets_.begin(), buckets_.end(),
                                   [&](const Bucket& b) { return b.tokens >= extent.tokens; });
  if (auto good = check(gpu_, gpu_.copy_in(device_.data(), pinned_.data(), input_bytes_, stream_),
                        "bringing a batch over");
      !good)
    return good;
  if (yield_ != nullptr) {
    if (auto good = check(
            gpu_, gpu_.clear(device_.data() + counters_, stages() * sizeof(StageCounters), stream_),
            "clearing a batch's counters");
        !good)
      return good;
  }
  texts_ = texts.size();
  graph_ = bucket->graph;
  return resume(done, argument);
}

Status EncoderSlot::resume(void (*done)(void*), void* argument) {
  if (auto good = check(gpu_, gpu_.launch_graph(graph_, stream_), "launching a batch"); !good)
    return good;
  const auto bring_back = [&](std::size_t from, std::size_t to, std::size_t bytes) {
    return check(gpu_, gpu_.copy_out(pinned_.data() + to, device_.data() + from, bytes, stream_),
                 "bringing the vectors back");
  };
  const std::size_t vector_bytes = texts_ * encoder_->stride_ * sizeof(float);
  if (auto good = bring_back(vectors_, vectors_pinned_, vector_bytes); !good) return good;
  if (const std::size_t labels = encoder_->labels_stride_; labels > 0) {
    if (auto good = bring_back(logits_, logits_pinned_, texts_ * labels * sizeof(float)); !good)
      return good;
  }
  if (yield_ != nullptr) {
    const std::size_t last = counters_ + (stages() - 1) * sizeof(StageCounters);
    if (auto good = bring_back(last, complete_pinned_, sizeof(StageCounters)); !good) return good;
  }
  return check(gpu_, gpu_.call(done, argument, stream_), "asking to be called");
}

bool EncoderSlot::complete() const noexcept {
  return yield_ == nullptr || pinned_.at<const StageCounters>(complete_pinned_)->complete != 0;
}

std::span<const float> EncoderSlot::vector(std::size_t i) const noexcept {
  return {pinned_.at<const float>(vectors_pinned_) + i * encoder_->stride_,
          encoder_->config().width};
}

std::span<const float> EncoderSlot::logits(std::size_t i) const noexcept {
  return {pinned_.at<const float>(logits_pinned_) + i * encoder_->labels_stride_,
          encoder_->config().labels};
}

}  // namespace troupe::cuda
