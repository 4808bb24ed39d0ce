#include "tests/kernels/tiny_bert.hpp"

#include <cmath>
#include <cstddef>
#include <deque>
#include <utility>

namespace troupe::kernels::test {
namespace {

float bell(Random& random) {  // normal enough: twelve uniforms
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += random.unit();
  return static_cast<float>(sum);
}

// Owns the numbers that the model's spans point into.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : random_(seed) {}

  std::span<const float> make(std::size_t count, double center, double spread) {
    auto& numbers = storage_.emplace_back(count);
    for (auto& x : numbers)
      x = static_cast<float>(center + spread * static_cast<double>(bell(random_)));
    return numbers;
  }
  LinearWeights linear(std::size_t out, std::size_t in, double gain) {
    return {make(out * in, 0, gain / std::sqrt(static_cast<double>(in))), make(out, 0, 0.05)};
  }
  NormWeights norm(std::size_t width) { return {make(width, 1, 0.1), make(width, 0, 0.1)}; }

 private:
  Random random_;
  std::deque<std::vector<float>> storage_;
};

}  // namespace

std::shared_ptr<const BertModel> random_bert(const BertConfig& config, std::uint64_t seed) {
  auto numbers = std::make_shared<Numbers>(seed);
  auto model = std::make_shared<BertModel>();
  const std::size_t width = config.width;
  model->config = config;
  auto& weights = model->weights;
  weights.word_embeddings = numbers->make(config.vocabulary * width, 0, 0.05);
  weights.position_embeddings = numbers->make(config.positions * width, 0, 0.02);
  weights.type_embeddings = numbers->make(config.token_types * width, 0, 0.02);
  weights.embedding_norm = numbers->norm(width);
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    BertLayerWeights layer;
    layer.query = numbers->linear(width, width, 1.5);  // sharper attention than an even one
    layer.key = numbers->linear(width, width, 1.5);
    layer.value = numbers->linear(width, width, 1);
    layer.attention_out = numbers->linear(width, width, 1);
    layer.attention_norm = numbers->norm(width);
    layer.ffn_in = numbers->linear(config.ffn_width, width, 1);
    layer.ffn_out = numbers->linear(width, config.ffn_width, 1);
    layer.ffn_norm = numbers->norm(width);
    weights.layers.push_back(layer);
  }
  if (config.labels > 0)
    weights.head =
        BertHead{numbers->linear(width, width, 1), numbers->linear(config.labels, width, 1), {}};
  for (std::uint32_t label = 0; label < config.labels; ++label)
    weights.head->names.push_back("label " + std::to_string(label));
  model->storage = numbers;
  return model;
}

std::shared_ptr<const PolicyModel> random_policy(std::vector<std::uint32_t> widths,
                                                 PolicyActivation activation, std::uint64_t seed) {
  auto numbers = std::make_shared<Numbers>(seed);
  auto model = std::make_shared<PolicyModel>();
  model->activation = activation;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i)
    model->layers.push_back(numbers->linear(widths[i + 1], widths[i], 1));
  model->widths = std::move(widths);
  model->storage = numbers;
  return model;
}

BertConfig odd_config() {
  BertConfig config;
  config.layers = 3;
  config.width = 60;
  config.heads = 3;
  config.ffn_width = 100;
  config.vocabulary = 97;
  config.positions = 40;
  config.token_types = 2;
  config.tokens_max = 37;
  config.layer_norm_epsilon = 1e-12F;
  return config;
}

BertConfig small_config(std::uint32_t layers) {
  BertConfig config;
  config.layers = layers;
  config.width = 384;
  config.heads = 12;
  config.ffn_width = 1536;
  config.vocabulary = 500;
  config.positions = 256;
  config.token_types = 2;
  config.tokens_max = 256;
  config.layer_norm_epsilon = 1e-12F;
  return config;
}

std::vector<std::int32_t> random_ids(const BertConfig& config, std::size_t count, Random& random) {
  std::vector<std::int32_t> ids(count);
  for (auto& id : ids) id = static_cast<std::int32_t>(random.below(config.vocabulary));
  return ids;
}

Batch encode_batch(std::uint64_t id, const std::vector<std::vector<std::int32_t>>& texts) {
  Batch batch;
  batch.id = {id};
  for (const auto& ids : texts) {
    const TaskId task{id, batch.items.size() + 1};
    batch.items.push_back({task, Tokens{ids, false}});
  }
  return batch;
}

std::vector<float> random_vector(std::size_t width, Random& random) {
  std::vector<float> vector(width);
  for (auto& x : vector) x = bell(random);
  return vector;
}

}  // namespace troupe::kernels::test
