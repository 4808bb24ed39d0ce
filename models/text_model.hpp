// A text encoder from a Hugging Face folder: weights, sizes and tokenizer, checked and ready.
//
// The folder holds model.safetensors, config.json and vocab.txt, as all-MiniLM-L6-v2 and other
// BERT-class sentence encoders do (tokenizer_config.json and sentence_bert_config.json are read
// where they stand). Nothing in it is trusted: damage gives model_damaged with the file, the tensor
// and what is wrong with it.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "models/wordpiece.hpp"

namespace troupe::models {

struct TextModel {
  std::shared_ptr<const kernels::BertModel> bert;  // weights point into the file's mapping
  WordPiece tokenizer;
  std::string folder;

  // The text as the device wants it: cut to the model's limit, special tokens included. Errors:
  // malformed for text that is not UTF-8, too_large over limits::text_bytes_max. Empty text is
  // valid: [CLS][SEP].
  [[nodiscard]] Result<kernels::Tokens> tokenize(std::string_view text) const;
};

// The weights are read in place from the file's mapping where that is possible, so the file must
// not be written to while the model is in use (models/file.hpp). Thread-safe; a TextModel is
// immutable and shared. Errors: model_missing, model_damaged, unsupported, io, too_large.
Result<std::shared_ptr<const TextModel>> load_text_model(const std::string& folder);

}  // namespace troupe::models
