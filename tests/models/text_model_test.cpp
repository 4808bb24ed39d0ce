#include "models/text_model.hpp"

#include <string>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/models/files.hpp"

using namespace troupe::models;
using namespace troupe::models::test;
using troupe::ErrorCode;

namespace {

troupe::Error error_of(const ScratchFolder& folder) {
  const auto model = load_text_model(folder.path());
  REQUIRE_FALSE(model);
  CHECK_FALSE(model.error().next_step.empty());
  return model.error();
}

}  // namespace

TEST_CASE("the real model loads") {
  const auto model = load_text_model(real_model_folder());
  REQUIRE(model);
  CHECK((*model)->tokenizer.vocabulary_size() == 30522);
  CHECK((*model)->bert->weights.layers.size() == 6);
  CHECK((*model)->folder == real_model_folder());
}

TEST_CASE("a text becomes the ids that a device wants") {
  const auto model = *load_text_model(data_path("bert-plain"));
  const auto tokens = model->tokenize("The cat sat.");
  REQUIRE(tokens);
  CHECK(tokens->ids == std::vector<std::int32_t>{2, 8, 9, 11, 21, 3});
  CHECK_FALSE(tokens->truncated);
  CHECK(model->tokenize("")->ids == std::vector<std::int32_t>{2, 3});
  std::string longer;
  for (int i = 0; i < 19; ++i) longer += "cat ";
  CHECK(model->tokenize(longer)->ids.size() == 20);
  CHECK(model->tokenize(longer)->truncated);
}

TEST_CASE("texts that are too long or not UTF-8 are refused") {
  const auto model = *load_text_model(data_path("bert-plain"));
  CHECK(model->tokenize(std::string(troupe::limits::text_bytes_max, 'a')));
  const auto large = model->tokenize(std::string(troupe::limits::text_bytes_max + 1, 'a'));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == ErrorCode::too_large);
  const auto latin1 = model->tokenize("caf\xe9");
  REQUIRE_FALSE(latin1);
  CHECK(latin1.error().code == ErrorCode::malformed);
  CHECK(latin1.error().what == "the text is not UTF-8 at byte 3");
}

TEST_CASE("a folder without a model says what is missing and what to do") {
  const auto nowhere = load_text_model("/nonexistent/model");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == ErrorCode::model_missing);
  CHECK(nowhere.error().what == "there is no model folder /nonexistent/model");
  for (const char* file : {"config.json", "vocab.txt", "model.safetensors"}) {
    const ScratchFolder folder;
    folder.copy_from(data_path("bert-plain"));
    folder.remove(file);
    const auto error = error_of(folder);
    CHECK(error.code == ErrorCode::model_missing);
    CHECK(error.what == "there is no file " + folder.path() + "/" + file);
  }
}

TEST_CASE("a folder with a damaged file names the file") {
  for (const char* file :
       {"config.json", "vocab.txt", "model.safetensors", "sentence_bert_config.json"}) {
    for (const std::string text : {"", "garbage", "{\"a\""}) {
      const ScratchFolder folder;
      folder.copy_from(data_path("bert-plain"));
      folder.write(file, text);
      const auto error = error_of(folder);
      CHECK(error.code == ErrorCode::model_damaged);
      CHECK(error.what.starts_with(folder.path() + "/" + file + ": "));
    }
  }
}

TEST_CASE("a vocabulary larger than the embeddings is refused, a smaller one is common") {
  const ScratchFolder folder;
  folder.copy_from(data_path("bert-plain"));
  const auto vocabulary = read_all(data_path("bert-plain/vocab.txt"));
  folder.write("vocab.txt", vocabulary + "more\n");
  const auto error = error_of(folder);
  CHECK(error.code == ErrorCode::model_damaged);
  CHECK(error.what ==
        folder.path() + "/vocab.txt: 34 pieces, but config.json has a vocab_size of 33");
  folder.write("vocab.txt", vocabulary.substr(0, vocabulary.size() - 2));  // without the last, "o"
  CHECK(load_text_model(folder.path()));
}
