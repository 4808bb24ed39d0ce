#include "kernels/cuda/encoder.hpp"

#include <cstring>
#include <string>

#include "kernels/cuda/half.hpp"

namespace troupe::cuda {

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

Encoder::Encoder(std::shared_ptr<const kernels::BertModel> model, Number number)
    : model_(std::move(model)),
      number_(number),
      stride_(static_cast<std::uint32_t>(Image::padded(config().width))),
      ffn_stride_(static_cast<std::uint32_t>(Image::padded(config().ffn_width))),
      labels_stride_(static_cast<std::uint32_t>(Image::padded(config().labels))) {}

std::span<const std::string> Encoder::labels() const noexcept {
  if (!model_->weights.head) return {};
  return model_->weights.head->names;
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
  if (!w.head) return;
  head_.pooler = image.rows(Parts{w.head->pooler.weight}, width, stride_, true);
  head_.pooler_bias = image.floats(Parts{w.head->pooler.bias});
  head_.classifier = image.rows(Parts{w.head->classifier.weight}, width, stride_, true);
  head_.classifier_bias = image.floats(Parts{w.head->classifier.bias});
}

Result<std::shared_ptr<const Encoder>> Encoder::open(
    Gpu& gpu, Stream stream, std::shared_ptr<const kernels::BertModel> model, Number number) {
  if (const auto head = model->config.width / model->config.heads; head > Attention::head_width_max)
    return Error{ErrorCode::unsupported, "an encoder with heads " + std::to_string(head) + " wide",
                 "run this model on the CPU"};
  std::shared_ptr<Encoder> encoder(new Encoder(std::move(model), number));
  Image image(number);
  encoder->lay_out(image);
  const auto& bytes = image.bytes();
  Buffer& memory = encoder->memory_;
  if (auto good =
          memory.allocate(gpu, Buffer::Kind::device, bytes.size(), "allocating for weights");
      !good)
    return good.error();
  const char* const doing = "bringing weights over";
  if (auto good = check(gpu, gpu.copy_in(memory.data(), bytes.data(), bytes.size(), stream), doing);
      !good)
    return good.error();
  if (auto good = check(gpu, gpu.wait(stream), doing); !good) return good.error();
  return std::shared_ptr<const Encoder>(std::move(encoder));
}

}  // namespace troupe::cuda
