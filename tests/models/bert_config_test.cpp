#include "models/bert_config.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "tests/catch.hpp"
#include "tests/models/files.hpp"

using namespace troupe::models;
using namespace troupe::models::test;
using nlohmann::json;
using troupe::ErrorCode;

namespace {

json plain_config() {
  return {{"model_type", "bert"},         {"hidden_size", 32},       {"num_hidden_layers", 2},
          {"num_attention_heads", 4},     {"intermediate_size", 64}, {"vocab_size", 30},
          {"max_position_embeddings", 24}};
}

// A model folder that is right, until a test changes it.
struct Folder {
  ScratchFolder scratch;
  json config = plain_config();

  troupe::Result<EncoderConfig> read() const {
    scratch.write("config.json", config.dump());
    return read_bert_config(scratch.path());
  }

  // The message after the folder's name; the code must be this one.
  std::string error(ErrorCode code) const {
    const auto result = read();
    REQUIRE_FALSE(result);
    CHECK(result.error().code == code);
    CHECK_FALSE(result.error().next_step.empty());
    const auto& what = result.error().what;
    REQUIRE(what.starts_with(scratch.path() + "/"));
    return what.substr(scratch.path().size() + 1);
  }
};

std::string damage(const char* key, const json& value) {
  Folder folder;
  folder.config[key] = value;
  return folder.error(ErrorCode::model_damaged);
}

std::string refusal(const char* key, const json& value) {
  Folder folder;
  folder.config[key] = value;
  return folder.error(ErrorCode::unsupported);
}

std::string file_error(const std::string& file, const std::string& text, ErrorCode code) {
  const Folder folder;
  folder.scratch.write(file, text);
  return folder.error(code);
}

}  // namespace

TEST_CASE("the real model's folder is understood: 256 tokens, not tokenizer.json's 128") {
  const auto config = read_bert_config(real_model_folder());
  REQUIRE(config);
  CHECK(config->lower_case);
  const auto& bert = config->bert;
  CHECK(bert.layers == 6);
  CHECK(bert.width == 384);
  CHECK(bert.heads == 12);
  CHECK(bert.ffn_width == 1536);
  CHECK(bert.vocabulary == 30522);
  CHECK(bert.positions == 512);
  CHECK(bert.token_types == 2);
  CHECK(bert.tokens_max == 256);
  CHECK(bert.layer_norm_epsilon == 1e-12F);
}

TEST_CASE("what is not said has the default of BERT") {
  const auto config = Folder{}.read();
  REQUIRE(config);
  CHECK(config->lower_case);
  CHECK(config->bert.token_types == 2);
  CHECK(config->bert.tokens_max == 24);
  CHECK(config->bert.layer_norm_epsilon == 1e-12F);
}

TEST_CASE(
    "the limit in tokens is the sentence encoder's, else the tokenizer's, else the positions'") {
  const Folder folder;
  folder.scratch.write("tokenizer_config.json", R"({"model_max_length": 1e30})");
  CHECK(folder.read()->bert.tokens_max == 24);
  folder.scratch.write("tokenizer_config.json",
                       R"({"model_max_length": 16, "do_lower_case": false})");
  CHECK(folder.read()->bert.tokens_max == 16);
  CHECK_FALSE(folder.read()->lower_case);
  folder.scratch.write("sentence_bert_config.json", R"({"max_seq_length": null})");
  CHECK(folder.read()->bert.tokens_max == 16);
  folder.scratch.write("sentence_bert_config.json", R"({"max_seq_length": 20})");
  CHECK(folder.read()->bert.tokens_max == 20);
}

TEST_CASE("sizes that make no sense are refused one by one") {
  const auto no_number = [](const char* key, const char* shown, const char* range) {
    return std::string("config.json: \"") + key + "\": \"" + shown + "\" is no whole number from " +
           range;
  };
  CHECK(damage("num_hidden_layers", 0) == no_number("num_hidden_layers", "0", "1 to 256"));
  CHECK(damage("num_hidden_layers", -1) == no_number("num_hidden_layers", "-1", "1 to 256"));
  CHECK(damage("hidden_size", 1ULL << 40) ==
        no_number("hidden_size", "1099511627776", "1 to 8192"));
  CHECK(damage("hidden_size", 1.5) == no_number("hidden_size", "1.5", "1 to 8192"));
  CHECK(damage("intermediate_size", 1'000'000'000) ==
        no_number("intermediate_size", "1000000000", "1 to 65536"));
  CHECK(damage("vocab_size", 5'000'000) == no_number("vocab_size", "5000000", "1 to 4000000"));
  CHECK(damage("max_position_embeddings", 2) ==
        no_number("max_position_embeddings", "2", "3 to 65536"));
  CHECK(damage("type_vocab_size", 0) == no_number("type_vocab_size", "0", "1 to 1024"));
  CHECK(damage("num_attention_heads", 5) ==
        "config.json: \"num_attention_heads\": 5 heads do not divide 32 columns");
  CHECK(damage("hidden_size", nullptr) == "config.json: \"hidden_size\": it is missing");
  CHECK(damage("hidden_size", json::array({32})) ==
        "config.json: \"hidden_size\": an array is no whole number from 1 to 8192");
  CHECK(damage("layer_norm_eps", 0) ==
        "config.json: \"layer_norm_eps\": \"0\" is no number above 0.0 and up to 0.1");
  CHECK(damage("layer_norm_eps", "tiny") ==
        "config.json: \"layer_norm_eps\": \"\\\"tiny\\\"\" is no number above 0.0 and up to 0.1");
  CHECK(damage("hidden_act", 3) == "config.json: \"hidden_act\": \"3\" is not a string");
  CHECK(damage("is_decoder", 1) == "config.json: \"is_decoder\": \"1\" is neither true nor false");
}

TEST_CASE("models that are sound but not BERT-class encoders are called unsupported") {
  CHECK(refusal("model_type", "mpnet") == "config.json: the model_type is \"mpnet\", not \"bert\"");
  CHECK(refusal("model_type", nullptr) == "config.json: the model_type is \"\", not \"bert\"");
  CHECK(refusal("hidden_act", "gelu_new") ==
        "config.json: the hidden_act is \"gelu_new\", not \"gelu\"");
  CHECK(refusal("position_embedding_type", "relative_key") ==
        "config.json: the position_embedding_type is \"relative_key\", not \"absolute\"");
  CHECK(refusal("is_decoder", true) == "config.json: it is a decoder");
}

TEST_CASE("tokenizers and poolings that are not computed here are called unsupported") {
  const auto unsupported = ErrorCode::unsupported;
  CHECK(file_error("tokenizer_config.json", R"({"tokenize_chinese_chars": false})", unsupported) ==
        "tokenizer_config.json: tokenize_chinese_chars is false");
  CHECK(file_error("tokenizer_config.json", R"({"strip_accents": false})", unsupported) ==
        "tokenizer_config.json: strip_accents differs from do_lower_case");
  const std::string modules = R"([{"type": "a.b.Transformer", "path": ""},
                                  {"type": "a.b.Pooling", "path": "1_Pooling"},)";
  const auto pooling_error = [&](const char* pooling) {
    const Folder folder;
    folder.scratch.write("modules.json", modules + R"({"type": "Normalize", "path": "2_N"}])");
    folder.scratch.write("1_Pooling/config.json", pooling);
    return folder.error(unsupported);
  };
  CHECK(pooling_error(R"({"pooling_mode_mean_tokens": false, "pooling_mode_cls_token": true})") ==
        "1_Pooling/config.json: pooling_mode_mean_tokens is false");
  CHECK(
      pooling_error(R"({"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true})") ==
      "1_Pooling/config.json: pooling_mode_max_tokens is true; only mean pooling is computed here");
  CHECK(pooling_error(R"({"pooling_mode": "cls"})") ==
        "1_Pooling/config.json: the pooling_mode is \"cls\", not \"mean\"");

  const Folder dense;
  dense.scratch.write("1_Pooling/config.json", "{}");
  dense.scratch.write("modules.json", modules + R"({"type": "a.Dense", "path": "2_Dense"}])");
  CHECK(dense.error(unsupported) == "modules.json: it has a module \"a.Dense\"");
}

TEST_CASE("labels have the names that the config gives them") {
  Folder folder;
  CHECK(folder.read()->labels.empty());
  folder.config["id2label"] = {{"0", "sad"}, {"1", "gay"}, {"2", "so so"}};
  CHECK(folder.read()->labels == std::vector<std::string>{"sad", "gay", "so so"});
  const std::string none =
      "config.json: \"id2label\": label 1 is missing, or no name of 1 to 128 bytes";
  CHECK(damage("id2label", {{"0", "sad"}, {"2", "gay"}}) == none);
  for (const json& name : {json(1), json(""), json("a\nb"), json(std::string(129, 'a')), json()})
    CHECK(damage("id2label", {{"0", "sad"}, {"1", name}}) == none);
  json many;
  for (int i = 0; i <= 1024; ++i) many[std::to_string(i)] = "x";
  for (const json& labels : {json::object(), json("sad"), json::array({"sad", "gay"}), many})
    CHECK(damage("id2label", labels) ==
          "config.json: \"id2label\": it does not name 1 to 1024 labels");
}

TEST_CASE("the files beside config.json are checked like it") {
  const auto damaged = ErrorCode::model_damaged;
  CHECK(file_error("sentence_bert_config.json", R"({"max_seq_length": 25})", damaged) ==
        "sentence_bert_config.json: \"max_seq_length\": \"25\" is no whole number from 3 to 24");
  CHECK(file_error("sentence_bert_config.json", "[]", damaged) ==
        "sentence_bert_config.json: it is not a JSON object");
  CHECK(file_error("tokenizer_config.json", R"({"do_lower_case": "yes"})", damaged) ==
        "tokenizer_config.json: \"do_lower_case\": \"\\\"yes\\\"\" is neither true nor false");
  CHECK(file_error("tokenizer_config.json", "{", damaged) ==
        "tokenizer_config.json: not valid JSON at byte 2");
  CHECK(file_error("modules.json", "{}", damaged) == "modules.json: it is not a JSON array");
  CHECK(file_error("modules.json", R"([{"type": 1}])", damaged) ==
        "modules.json: a module without type and path");
  const Folder other_width;
  other_width.scratch.write("modules.json", R"([{"type": "x.Pooling", "path": "1_Pooling"}])");
  other_width.scratch.write("1_Pooling/config.json", R"({"word_embedding_dimension": 384})");
  CHECK(other_width.error(damaged) ==
        "1_Pooling/config.json: \"word_embedding_dimension\": it is "
        "not config.json's hidden_size 32");
}

TEST_CASE("a modules.json cannot lead out of the model's folder") {
  for (const char* path : {"../1_Pooling", "/etc", "a/b", "..", "", ".hidden"}) {
    const auto modules = json::array({{{"type", "x.Pooling"}, {"path", path}}});
    CHECK(file_error("modules.json", modules.dump(), ErrorCode::model_damaged) ==
          "modules.json: the module path " + json(path).dump() + " is not the name of a folder");
  }
}

TEST_CASE("a config that is no config is refused") {
  const ScratchFolder folder;
  const auto code_of = [&](std::string_view text) {
    folder.write("config.json", text);
    const auto result = read_bert_config(folder.path());
    REQUIRE_FALSE(result);
    return result.error().code;
  };
  const auto missing = read_bert_config(folder.path());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::model_missing);
  CHECK(missing.error().what == "there is no file " + folder.path() + "/config.json");
  CHECK(code_of("") == ErrorCode::model_damaged);
  CHECK(code_of("null") == ErrorCode::model_damaged);
  CHECK(code_of("garbage") == ErrorCode::model_damaged);
  CHECK(code_of(std::string(100, '\0')) == ErrorCode::model_damaged);
  CHECK(code_of(std::string(500'000, '[')) == ErrorCode::model_damaged);
  CHECK(code_of(R"({"model_type": "bert", "model_type": "bert"})") == ErrorCode::model_damaged);
  CHECK(code_of(std::string(2'000'000, ' ')) == ErrorCode::too_large);
}
