#include "kernels/cuda/encoder.hpp"

#include <array>
#include <cstring>
#include <string>

#include "kernels/cuda/half.hpp"

namespace troupe::cuda {

Status check(Gpu& gpu, int status, const char* doing) {
  if (status == 0) return {};
  constexpr int out_of_memory = 2;  // cudaErrorMemoryAllocation
  const std::string what = std::string("the GPU failed at ") + doing + ": " +
                           gpu.error_text(status) + " (" + std::to_string(status) + ")";
  if (status == out_of_memory)
    return Error{ErrorCode::too_large, what, "give the device less to hold"};
  return Error{ErrorCode::unreachable, what, "send the task to another device"};
}

// The weights as they will lie on the GPU.
class Encoder::Image {
 public:
  explicit Image(Number number) : number_(number) {}

  // Some matrices of the same width, one below the other, each with its own padding.
  std::size_t rows(std::span<const std::span<const float>> parts, std::size_t width,
                   std::size_t stride, bool pad_rows) {
    const std::size_t place = align();
    for (const auto part : parts) {
      const std::size_t count = part.size() / width;
      for (std::size_t row = 0; row < (pad_rows ? padded(count) : count); ++row) {
        for (std::size_t i = 0; i < stride; ++i)
          put(row < count && i < width ? part[row * width + i] : 0.0F);
      }
    }
    return place;
  }
  // Some vectors, one after the other, in float32.
  std::size_t floats(std::span<const std::span<const float>> parts) {
    const std::size_t place = align();
    for (const auto part : parts) {
      for (std::size_t i = 0; i < padded(part.size()); ++i)
        put_float(i < part.size() ? part[i] : 0.0F);
    }
    return place;
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  static std::size_t padded(std::size_t count) { return (count + 63) / 64 * 64; }

 private:
  std::size_t align() {
    constexpr std::size_t boundary = 256;
    bytes_.resize((bytes_.size() + boundary - 1) / boundary * boundary);
    return bytes_.size();
  }
  template <class T>
  void append(const T& value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void put_float(float value) { append(value); }
  void put(float value) {
    if (number_ == Number::f16)
      append(to_half(value).bits);
    else
      append(value);
  }

  Number number_;
  std::vector<std::byte> bytes_;
};

Encoder::Encoder(Gpu& gpu, std::shared_ptr<const kernels::BertModel> model, Number number)
    : gpu_(gpu),
      model_(std::move(model)),
      number_(number),
      stride_(static_cast<std::uint32_t>(Image::padded(config().width))),
      ffn_stride_(static_cast<std::uint32_t>(Image::padded(config().ffn_width))) {}

Encoder::~Encoder() {
  if (memory_ != nullptr) gpu_.release(memory_);
}

void Encoder::lay_out(Image& image) {
  using Parts = std::vector<std::span<const float>>;
  const kernels::BertWeights& w = model_->weights;
  const std::size_t width = config().width;
  words_ = image.rows(Parts{w.word_embeddings}, width, stride_, false);
  positions_ = image.rows(Parts{w.position_embeddings}, width, stride_, false);
  type_ = image.rows(Parts{w.type_embeddings.first(width)}, width, stride_, false);
  gain_ = image.floats(Parts{w.embedding_norm.gain});
  bias_ = image.floats(Parts{w.embedding_norm.bias});
  for (const auto& from : w.layers) {
    Layer layer{};
    layer.qkv = image.rows(Parts{from.query.weight, from.key.weight, from.value.weight}, width,
                           stride_, true);
    layer.qkv_bias = image.floats(Parts{from.query.bias, from.key.bias, from.value.bias});
    layer.out = image.rows(Parts{from.attention_out.weight}, width, stride_, true);
    layer.out_bias = image.floats(Parts{from.attention_out.bias});
    layer.norm_gain = image.floats(Parts{from.attention_norm.gain});
    layer.norm_bias = image.floats(Parts{from.attention_norm.bias});
    layer.ffn_in = image.rows(Parts{from.ffn_in.weight}, width, stride_, true);
    layer.ffn_in_bias = image.floats(Parts{from.ffn_in.bias});
    layer.ffn_out = image.rows(Parts{from.ffn_out.weight}, config().ffn_width, ffn_stride_, true);
    layer.ffn_out_bias = image.floats(Parts{from.ffn_out.bias});
    layer.ffn_norm_gain = image.floats(Parts{from.ffn_norm.gain});
    layer.ffn_norm_bias = image.floats(Parts{from.ffn_norm.bias});
    layers_.push_back(layer);
  }
}

Result<std::shared_ptr<const Encoder>> Encoder::open(
    Gpu& gpu, Stream stream, std::shared_ptr<const kernels::BertModel> model, Number number) {
  if (const auto head = model->config.width / model->config.heads; head > Attention::head_width_max)
    return Error{ErrorCode::unsupported, "an encoder with heads " + std::to_string(head) + " wide",
                 "run this model on the CPU"};
  std::shared_ptr<Encoder> encoder(new Encoder(gpu, std::move(model), number));
  Image image(number);
  encoder->lay_out(image);
  void* memory = nullptr;
  if (auto good = check(gpu, gpu.allocate(image.bytes().size(), &memory), "allocating for weights");
      !good)
    return good.error();
  encoder->memory_ = static_cast<std::byte*>(memory);
  if (auto good =
          check(gpu, gpu.copy_in(memory, image.bytes().data(), image.bytes().size(), stream),
                "bringing weights over");
      !good)
    return good.error();
  if (auto good = check(gpu, gpu.wait(stream), "bringing weights over"); !good) return good.error();
  return std::shared_ptr<const Encoder>(std::move(encoder));
}

}  // namespace troupe::cuda
