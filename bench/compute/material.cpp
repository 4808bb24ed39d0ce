#include "bench/compute/material.hpp"

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <utility>

#include "bench/librarians/library.hpp"

namespace troupe::bench::compute {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

}  // namespace

std::string model_folder() {
  std::string folder = variable("TROUPE_MODEL_DIR");
  if (folder.empty()) {
    std::string cache = variable("XDG_CACHE_HOME");
    if (cache.empty()) cache = variable("HOME") + "/.cache";
    folder = cache + "/troupe/models/all-MiniLM-L6-v2";
  }
  std::error_code ignored;
  return std::filesystem::exists(folder + "/model.safetensors", ignored) ? folder : "";
}

Result<std::shared_ptr<const models::TextModel>> load_bench_model() {
  const std::string folder = model_folder();
  if (folder.empty())
    return Error{ErrorCode::model_missing, "there is no model",
                 "run tools/get-model, or set TROUPE_MODEL_DIR to its folder"};
  return models::load_text_model(folder);
}

const std::vector<std::string>& sentences() {
  static const std::vector<std::string> all = {
      "The river rises in the mountains and reaches the sea after two hundred miles.",
      "Bread is made of flour, water, salt and time.",
      "In spring the farmers of the valley open the gates, and the water runs through the old "
      "channels into the fields as it has for centuries.",
      "The museum is closed on Mondays.",
      "A good index makes a book twice as useful, but few readers ever thank whoever wrote it.",
      "Trains leave every half an hour from six in the morning until midnight.",
      "Bees find their way home by the sun, and where clouds hide it, by the pattern of its light "
      "in the sky.",
      "The committee agreed on the budget after a long debate about the roof of the town hall."};
  return all;
}

Result<std::vector<std::string>> found_texts(std::size_t count) {
  auto library = packages_library(count, {});
  if (!library) return library.error();
  std::vector<std::string> texts;
  texts.reserve(library->documents.size());
  for (auto& document : library->documents) texts.push_back(std::move(document.text));
  return texts;
}

std::vector<Ids> random_texts(const kernels::BertConfig& config,
                              const std::vector<std::size_t>& lengths, Random& random) {
  std::vector<Ids> texts;
  texts.reserve(lengths.size());
  for (const std::size_t length : lengths) {
    auto& ids = texts.emplace_back(length);
    for (auto& id : ids) id = static_cast<std::int32_t>(random.below(config.vocabulary));
  }
  return texts;
}

std::size_t tokens_of(const std::vector<Ids>& texts) {
  std::size_t tokens = 0;
  for (const auto& ids : texts) tokens += ids.size();
  return tokens;
}

TextEncoder::TextEncoder(const kernels::cpu::Tiles& tiles,
                         std::shared_ptr<const kernels::BertModel> model,
                         kernels::Precision precision)
    : encoder_(tiles, std::move(model), precision), workspace_(encoder_.make_workspace()) {}

void TextEncoder::encode(const std::vector<Ids>& texts, const kernels::cpu::YieldHook& yield) {
  const std::size_t width = encoder_.config().width;
  if (vectors_.size() < texts.size() * width) vectors_.resize(texts.size() * width);
  std::vector<kernels::cpu::Sequence> sequences;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (tokens + texts[i].size() > encoder_.tokens_max()) {
      encoder_.encode(sequences, workspace_, yield);
      sequences.clear();
      tokens = 0;
    }
    sequences.push_back({texts[i], vectors_.data() + i * width});
    tokens += texts[i].size();
  }
  encoder_.encode(sequences, workspace_, yield);
}

double operations(const kernels::BertConfig& config, const std::vector<Ids>& texts) {
  const auto width = static_cast<double>(config.width);
  const auto ffn_width = static_cast<double>(config.ffn_width);
  const double weights = 4 * width * width + 2 * width * ffn_width;
  double sum = 0;
  for (const auto& ids : texts) {
    const auto length = static_cast<double>(ids.size());
    sum += length * weights + 2 * length * length * width;
  }
  return 2 * sum * static_cast<double>(config.layers);
}

}  // namespace troupe::bench::compute
