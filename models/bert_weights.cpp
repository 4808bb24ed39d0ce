#include "models/bert_weights.hpp"

#include <cstdint>
#include <string>

#include "models/bert_config.hpp"
#include "models/tensor_binder.hpp"

namespace troupe::models {
namespace {

using kernels::BertConfig;
using kernels::BertLayerWeights;
using kernels::NormWeights;

// Whether the file was written from a BertModel or from a larger model that has one.
std::string prefix_of(const Safetensors& file) {
  const std::string first = "embeddings.word_embeddings.weight";
  const bool inside = file.find(first) == nullptr && file.find("bert." + first) != nullptr;
  return inside ? "bert." : "";
}

NormWeights bind_norm(TensorBinder& binder, const std::string& name, std::uint64_t width) {
  const bool old = binder.has(name + ".gamma");
  return {binder.floats(name + (old ? ".gamma" : ".weight"), {width}),
          binder.floats(name + (old ? ".beta" : ".bias"), {width})};
}

BertLayerWeights bind_layer(TensorBinder& binder, const BertConfig& config, const std::string& at) {
  const auto square = [&](const char* name) {
    return binder.linear(at + name, config.width, config.width);
  };
  BertLayerWeights weights;
  weights.query = square("attention.self.query");
  weights.key = square("attention.self.key");
  weights.value = square("attention.self.value");
  weights.attention_out = square("attention.output.dense");
  weights.attention_norm = bind_norm(binder, at + "attention.output.LayerNorm", config.width);
  weights.ffn_in = binder.linear(at + "intermediate.dense", config.ffn_width, config.width);
  weights.ffn_out = binder.linear(at + "output.dense", config.width, config.ffn_width);
  weights.ffn_norm = bind_norm(binder, at + "output.LayerNorm", config.width);
  return weights;
}

// The classifier stands beside the BertModel, so its name has no prefix. A classifier of tokens has
// no pooler and is none of ours.
void bind_head(const Safetensors& file, TensorBinder& binder, const std::string& pooler,
               std::vector<std::string> names, kernels::BertModel& model) {
  const StoredTensor* classifier = file.find("classifier.weight");
  if (classifier == nullptr || !binder.has(pooler + ".weight")) return;
  const std::uint64_t labels = classifier->shape.rank() == 2 ? classifier->shape[0] : 0;
  if (labels == 0 || labels > limits::labels_max) {
    binder.fail("classifier.weight",
                "it is no classifier of 1 to " + std::to_string(limits::labels_max) + " labels");
    return;
  }
  if (!names.empty() && names.size() != labels) {
    binder.fail("classifier.weight", "it has " + std::to_string(labels) +
                                         " labels, config.json names " +
                                         std::to_string(names.size()));
    return;
  }
  for (std::uint64_t label = names.size(); label < labels; ++label)
    names.push_back("LABEL_" + std::to_string(label));
  const std::uint64_t width = model.config.width;
  model.config.labels = static_cast<std::uint32_t>(labels);
  model.weights.head =
      kernels::BertHead{binder.linear(pooler, width, width),
                        binder.linear("classifier", labels, width), std::move(names)};
}

// A config with fewer layers than the file would compute, silently, something else.
void refuse_more_layers(TensorBinder& binder, const Safetensors& file, const std::string& next,
                        std::uint32_t layers) {
  const auto found = file.tensors().lower_bound(next);
  if (found != file.tensors().end() && found->first.starts_with(next))
    binder.fail(next + "*", "config.json knows of " + std::to_string(layers) + " layers only");
}

}  // namespace

Result<std::shared_ptr<const kernels::BertModel>> bind_bert_weights(
    const Safetensors& file, const kernels::BertConfig& config,
    const std::vector<std::string>& labels) {
  TensorBinder binder(file, "config.json");
  const std::string prefix = prefix_of(file);
  const std::uint64_t width = config.width;

  auto model = std::make_shared<kernels::BertModel>();
  model->config = config;
  auto& weights = model->weights;
  weights.word_embeddings =
      binder.floats(prefix + "embeddings.word_embeddings.weight", {config.vocabulary, width});
  weights.position_embeddings =
      binder.floats(prefix + "embeddings.position_embeddings.weight", {config.positions, width});
  weights.type_embeddings = binder.floats(prefix + "embeddings.token_type_embeddings.weight",
                                          {config.token_types, width});
  weights.embedding_norm = bind_norm(binder, prefix + "embeddings.LayerNorm", width);
  const auto layer_name = [&](std::uint32_t layer) {
    return prefix + "encoder.layer." + std::to_string(layer) + ".";
  };
  for (std::uint32_t layer = 0; layer < config.layers && !binder.error(); ++layer)
    weights.layers.push_back(bind_layer(binder, config, layer_name(layer)));
  refuse_more_layers(binder, file, layer_name(config.layers), config.layers);
  bind_head(file, binder, prefix + "pooler.dense", labels, *model);

  if (binder.error()) return *binder.error();
  model->storage = binder.storage();
  return std::shared_ptr<const kernels::BertModel>(std::move(model));
}

}  // namespace troupe::models
