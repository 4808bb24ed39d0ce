#include "models/bert_weights.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "models/float16.hpp"
#include "models/json.hpp"

namespace troupe::models {
namespace {

using kernels::BertConfig;
using kernels::BertLayerWeights;
using kernels::LinearWeights;
using kernels::NormWeights;

// What the spans of a BertModel point into.
struct Storage {
  std::shared_ptr<const void> file;
  std::vector<FloatBuffer> copies;
};

template <class Stored, class Widen>
FloatBuffer widened(std::span<const std::byte> bytes, Widen widen) {
  FloatBuffer copy(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < copy.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    copy.data()[i] = widen(stored);
  }
  return copy;
}

bool all_finite(std::span<const float> values) noexcept {
  // Whole blocks without a branch, so that the compiler makes vectors of it.
  constexpr std::size_t block = 4096;
  constexpr std::uint32_t exponent = 0x7f800000U;
  while (!values.empty()) {
    const auto part = values.first(std::min(block, values.size()));
    bool finite = true;
    for (const float value : part)
      finite &= (std::bit_cast<std::uint32_t>(value) & exponent) != exponent;
    if (!finite) return false;
    values = values.subspan(part.size());
  }
  return true;
}

// Finds tensors by name and keeps the first error, so that binding reads as a list.
class Binder {
 public:
  Binder(const Safetensors& file, Storage& storage) : file_(file), storage_(storage) {
    constexpr const char* first = "embeddings.word_embeddings.weight";
    if (file.find(first) == nullptr && file.find(std::string("bert.") + first) != nullptr)
      prefix_ = "bert.";
  }

  [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }

  std::span<const float> floats(const std::string& name,
                                std::initializer_list<std::uint64_t> shape) {
    if (error_) return {};
    const StoredTensor* tensor = file_.find(prefix_ + name);
    if (tensor == nullptr) {
      fail(name, "it is missing");
      return {};
    }
    const auto wanted = Shape::make(shape);
    if (!wanted || tensor->shape != *wanted) {
      fail(name, "its shape is " + tensor->shape.to_string() + ", config.json asks for " +
                     (wanted ? wanted->to_string() : wanted.error().what));
      return {};
    }
    return values_of(name, *tensor);
  }

  LinearWeights linear(const std::string& name, std::uint64_t out, std::uint64_t in) {
    return {floats(name + ".weight", {out, in}), floats(name + ".bias", {out})};
  }

  NormWeights norm(const std::string& name, std::uint64_t width) {
    const bool old = file_.find(prefix_ + name + ".gamma") != nullptr;
    return {floats(name + (old ? ".gamma" : ".weight"), {width}),
            floats(name + (old ? ".beta" : ".bias"), {width})};
  }

  void fail(const std::string& name, const std::string& why) {
    if (!error_)
      error_ = Error{ErrorCode::model_damaged,
                     file_.name() + ": tensor " + quoted(prefix_ + name) + ": " + why,
                     "fetch the model again; weights and config.json must belong together"};
  }

  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  std::span<const float> values_of(const std::string& name, const StoredTensor& tensor) {
    std::span<const float> values;
    if (tensor.dtype == DType::f32 && is_aligned(tensor.bytes)) {
      values = {reinterpret_cast<const float*>(tensor.bytes.data()),
                tensor.bytes.size() / sizeof(float)};
    } else if (tensor.dtype == DType::f32) {
      values = keep(widened<float>(tensor.bytes, [](float value) { return value; }));
    } else if (tensor.dtype == DType::f16) {
      values = keep(widened<std::uint16_t>(tensor.bytes, from_f16));
    } else if (tensor.dtype == DType::bf16) {
      values = keep(widened<std::uint16_t>(tensor.bytes, from_bf16));
    } else {
      fail(name, "its type is " + tensor.type + ", not F32, F16 or BF16");
      return {};
    }
    if (!all_finite(values)) fail(name, "it holds values that are not finite");
    return values;
  }

  static bool is_aligned(std::span<const std::byte> bytes) noexcept {
    return reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0;
  }

  std::span<const float> keep(FloatBuffer copy) {
    storage_.copies.push_back(std::move(copy));
    return std::as_const(storage_.copies.back()).span();
  }

  const Safetensors& file_;
  Storage& storage_;
  std::string prefix_;
  std::optional<Error> error_;
};

std::string layer_name(std::uint32_t layer) {
  return "encoder.layer." + std::to_string(layer) + ".";
}

BertLayerWeights bind_layer(Binder& binder, const BertConfig& config, std::uint32_t layer) {
  const std::string at = layer_name(layer);
  const auto square = [&](const char* name) {
    return binder.linear(at + name, config.width, config.width);
  };
  BertLayerWeights weights;
  weights.query = square("attention.self.query");
  weights.key = square("attention.self.key");
  weights.value = square("attention.self.value");
  weights.attention_out = square("attention.output.dense");
  weights.attention_norm = binder.norm(at + "attention.output.LayerNorm", config.width);
  weights.ffn_in = binder.linear(at + "intermediate.dense", config.ffn_width, config.width);
  weights.ffn_out = binder.linear(at + "output.dense", config.width, config.ffn_width);
  weights.ffn_norm = binder.norm(at + "output.LayerNorm", config.width);
  return weights;
}

// A config with fewer layers than the file would compute, silently, something else.
void refuse_more_layers(Binder& binder, const Safetensors& file, std::uint32_t layers) {
  const std::string next = layer_name(layers);
  const auto found = file.tensors().lower_bound(binder.prefix() + next);
  if (found != file.tensors().end() && found->first.starts_with(binder.prefix() + next))
    binder.fail(next + "*", "config.json knows of " + std::to_string(layers) + " layers only");
}

}  // namespace

Result<std::shared_ptr<const kernels::BertModel>> bind_bert_weights(
    const Safetensors& file, const kernels::BertConfig& config) {
  auto storage = std::make_shared<Storage>();
  storage->file = file.storage();
  Binder binder(file, *storage);
  const std::uint64_t width = config.width;

  auto model = std::make_shared<kernels::BertModel>();
  model->config = config;
  auto& weights = model->weights;
  weights.word_embeddings =
      binder.floats("embeddings.word_embeddings.weight", {config.vocabulary, width});
  weights.position_embeddings =
      binder.floats("embeddings.position_embeddings.weight", {config.positions, width});
  weights.type_embeddings =
      binder.floats("embeddings.token_type_embeddings.weight", {config.token_types, width});
  weights.embedding_norm = binder.norm("embeddings.LayerNorm", width);
  for (std::uint32_t layer = 0; layer < config.layers && !binder.error(); ++layer)
    weights.layers.push_back(bind_layer(binder, config, layer));
  refuse_more_layers(binder, file, config.layers);

  if (binder.error()) return *binder.error();
  model->storage = std::move(storage);
  return std::shared_ptr<const kernels::BertModel>(std::move(model));
}

}  // namespace troupe::models
