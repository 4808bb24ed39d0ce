// The encoder once more, with another library's linear layers. All else (attention, layer
// normalisation, GELU) is ours, so that the comparison is between matrix products and the library
// never pays for what it does not do.
#pragma once

#include <memory>
#include <vector>

#include "base/tensor.hpp"
#include "bench/compute/material.hpp"
#include "bench/compute/peers/product.hpp"
#include "kernels/bert.hpp"
#include "kernels/cpu/attention.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::bench::compute::peers {

// One thread at a time. Texts as TextEncoder takes them, together at most `tokens_max` tokens.
class PeerEncoder {
 public:
  PeerEncoder(const Library& library, const kernels::cpu::Tiles& tiles,
              std::shared_ptr<const kernels::BertModel> model, std::size_t tokens_max);

  void encode(const std::vector<Ids>& texts);
  // What encode() left for a text.
  [[nodiscard]] const float* vector(std::size_t text) const {
    return vectors_.data() + text * width_;
  }

 private:
  struct Layer {
    std::unique_ptr<Product> query_key_value, attention_out, ffn_in, ffn_out;
  };

  void embed(const std::vector<Ids>& texts);
  void add_and_normalize(const kernels::NormWeights& norm, std::size_t tokens, const float* more,
                         float* hidden) const;
  void gelu(std::size_t tokens);
  void pool(const std::vector<Ids>& texts);

  const kernels::cpu::Tiles& tiles_;
  std::shared_ptr<const kernels::BertModel> model_;
  std::size_t width_;
  std::size_t stride_;
  std::vector<Layer> layers_;
  kernels::cpu::Attention attention_;
  FloatBuffer hidden_;
  FloatBuffer out_;
  FloatBuffer qkv_;
  FloatBuffer ffn_;
  std::vector<float> vectors_;
};

}  // namespace troupe::bench::compute::peers
