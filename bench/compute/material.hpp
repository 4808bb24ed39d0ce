// What the scenarios of this folder work on: the sentence encoder from its folder, English text,
// and token ids of given lengths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "kernels/cpu/encoder.hpp"
#include "models/text_model.hpp"

namespace troupe::bench::compute {

using Ids = std::vector<std::int32_t>;

// Where tools/get-model puts all-MiniLM-L6-v2, or TROUPE_MODEL_DIR; empty if there is none.
std::string model_folder();

// That model. Errors: model_missing when there is no folder, and load_text_model()'s.
Result<std::shared_ptr<const models::TextModel>> load_bench_model();

// A handful of English sentences that come with the program.
const std::vector<std::string>& sentences();

// English text as it is found in the field: descriptions of packages, out of this machine's package
// lists, the same for the same lists. Errors: io where there are none.
Result<std::vector<std::string>> found_texts(std::size_t count);

// `lengths.size()` texts, any words.
std::vector<Ids> random_texts(const kernels::BertConfig& config,
                              const std::vector<std::size_t>& lengths, Random& random);

std::size_t tokens_of(const std::vector<Ids>& texts);

// Encodes any number of texts, as the device does: as many at a time as the workspace holds.
class TextEncoder {
 public:
  TextEncoder(const kernels::cpu::Tiles& tiles, std::shared_ptr<const kernels::BertModel> model,
              kernels::Precision precision = kernels::Precision::f32);

  void encode(
      const std::vector<Ids>& texts, const kernels::cpu::YieldHook& yield = [] {});
  // What encode() left for a text.
  [[nodiscard]] const float* vector(std::size_t text) const {
    return vectors_.data() + text * encoder_.config().width;
  }
  [[nodiscard]] const kernels::BertConfig& config() const { return encoder_.config(); }

 private:
  kernels::cpu::Encoder encoder_;
  kernels::cpu::EncoderWorkspace workspace_;
  std::vector<float> vectors_;
};

// Multiplications and additions that the model needs for these texts: its matrix products,
// attention's included, and nothing else.
double operations(const kernels::BertConfig& config, const std::vector<Ids>& texts);

}  // namespace troupe::bench::compute
