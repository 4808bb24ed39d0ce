#include "models/text_model.hpp"

#include "base/limits.hpp"
#include "models/bert_config.hpp"
#include "models/bert_weights.hpp"
#include "models/file.hpp"
#include "models/safetensors.hpp"

namespace troupe::models {
namespace {

constexpr std::uint64_t vocabulary_bytes_max = 64ULL * 1024 * 1024;

Result<WordPiece> load_tokenizer(const std::string& path, const EncoderConfig& config) {
  const auto vocabulary = read_file(path, vocabulary_bytes_max);
  if (!vocabulary) return vocabulary.error();
  auto tokenizer = WordPiece::make(*vocabulary, {config.lower_case, config.bert.tokens_max});
  if (!tokenizer) {
    Error error = tokenizer.error();
    error.what = path + ": " + error.what;
    return error;
  }
  // Fewer is common: embeddings are padded to a round number of rows.
  if (tokenizer->vocabulary_size() > config.bert.vocabulary)
    return Error{ErrorCode::model_damaged,
                 path + ": " + std::to_string(tokenizer->vocabulary_size()) +
                     " pieces, but config.json has a vocab_size of " +
                     std::to_string(config.bert.vocabulary),
                 "fetch the model again; vocabulary and config.json must belong together"};
  return tokenizer;
}

}  // namespace

Result<std::shared_ptr<const TextModel>> load_text_model(const std::string& folder) {
  if (!file_exists(folder))
    return Error{ErrorCode::model_missing, "there is no model folder " + folder,
                 "run tools/get-model, or set the model's folder right"};
  const auto config = read_bert_config(folder);
  if (!config) return config.error();
  auto tokenizer = load_tokenizer(folder + "/vocab.txt", *config);
  if (!tokenizer) return tokenizer.error();
  const auto file = Safetensors::open(folder + "/model.safetensors");
  if (!file) return file.error();
  auto bert = bind_bert_weights(*file, config->bert, config->labels);
  if (!bert) return bert.error();
  return std::shared_ptr<const TextModel>(
      std::make_shared<TextModel>(TextModel{std::move(*bert), std::move(*tokenizer), folder}));
}

Result<kernels::Tokens> TextModel::tokenize(std::string_view text) const {
  if (text.size() > limits::text_bytes_max)
    return Error{ErrorCode::too_large,
                 "the text has " + std::to_string(text.size()) + " bytes, over the limit of " +
                     std::to_string(limits::text_bytes_max),
                 "split it into shorter texts"};
  auto encoded = tokenizer.encode(text);
  if (!encoded) return encoded.error();
  return kernels::Tokens{std::move(encoded->ids), encoded->truncated};
}

}  // namespace troupe::models
