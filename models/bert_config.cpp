#include "models/bert_config.hpp"

#include <algorithm>
#include <string>

#include "models/config_file.hpp"
#include "models/json.hpp"
#include "models/wordpiece.hpp"

namespace troupe::models {
namespace {

using nlohmann::json;

// {"0": "negative", "1": "positive"}: the keys are 0 to one less than there are.
std::vector<std::string> read_labels(ConfigFile& fields) {
  const char* const key = "id2label";
  std::vector<std::string> labels;
  const json named = fields.whole().value(key, json());
  if (named.is_null()) return labels;
  if (!named.is_object() || named.empty() || named.size() > limits::labels_max) {
    fields.fail(key, "it does not name 1 to " + std::to_string(limits::labels_max) + " labels");
    return labels;
  }
  for (std::size_t number = 0; number < named.size(); ++number) {
    const json label = named.value(std::to_string(number), json());
    const auto text = label.is_string() ? label.get<std::string>() : std::string();
    const bool control = std::any_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (text.empty() || text.size() > limits::name_bytes_max || control) {
      fields.fail(key, "label " + std::to_string(number) + " is missing, or no name of 1 to " +
                           std::to_string(limits::name_bytes_max) + " bytes");
      return labels;
    }
    labels.push_back(text);
  }
  return labels;
}

Status read_architecture(const std::string& folder, EncoderConfig& config) {
  kernels::BertConfig& bert = config.bert;
  auto opened = ConfigFile::open(folder + "/config.json");
  if (!opened) return opened.error();
  ConfigFile& fields = *opened;
  fields.must_be_object();
  if (const auto type = fields.text("model_type", ""); type != "bert")
    fields.unsupported("the model_type is " + quoted(type) + ", not \"bert\"");
  if (const auto act = fields.text("hidden_act", "gelu"); act != "gelu")
    fields.unsupported("the hidden_act is " + quoted(act) + ", not \"gelu\"");
  if (const auto kind = fields.text("position_embedding_type", "absolute"); kind != "absolute")
    fields.unsupported("the position_embedding_type is " + quoted(kind) + ", not \"absolute\"");
  if (fields.flag("is_decoder", false) || fields.flag("add_cross_attention", false))
    fields.unsupported("it is a decoder");

  using namespace bert_limits;
  bert.layers = fields.integer("num_hidden_layers", 1, layers_max);
  bert.width = fields.integer("hidden_size", 1, width_max);
  bert.heads = fields.integer("num_attention_heads", 1, width_max);
  bert.ffn_width = fields.integer("intermediate_size", 1, ffn_width_max);
  bert.vocabulary = fields.integer("vocab_size", 1, vocabulary_max);
  bert.positions = fields.integer("max_position_embeddings", 3, positions_max);
  bert.token_types = fields.integer("type_vocab_size", 1, token_types_max, 2);
  bert.layer_norm_epsilon = static_cast<float>(fields.number("layer_norm_eps", 0, 0.1, 1e-12));
  if (fields.status() && bert.width % bert.heads != 0)
    fields.fail("num_attention_heads", std::to_string(bert.heads) + " heads do not divide " +
                                           std::to_string(bert.width) + " columns");
  if (fields.status()) config.labels = read_labels(fields);
  return fields.status();
}

struct TokenizerChoices {
  bool lower_case = true;
  std::uint32_t tokens_max = 0;
};

Result<TokenizerChoices> read_tokenizer(const std::string& folder, std::uint32_t positions) {
  TokenizerChoices choices{.tokens_max = positions};
  auto opened = ConfigFile::open_if_there(folder + "/tokenizer_config.json");
  if (!opened) return opened.error();
  if (!*opened) return choices;
  ConfigFile& fields = **opened;
  fields.must_be_object();
  choices.lower_case = fields.flag("do_lower_case", true);
  if (!fields.flag("tokenize_chinese_chars", true))
    fields.unsupported("tokenize_chinese_chars is false");
  if (fields.flag("strip_accents", choices.lower_case) != choices.lower_case)
    fields.unsupported("strip_accents differs from do_lower_case");
  // Hugging Face writes 1e30 for "no limit".
  const double limit = fields.number("model_max_length", 2, 1e300, positions);
  choices.tokens_max = static_cast<std::uint32_t>(std::min<double>(limit, positions));
  if (auto status = fields.status(); !status) return status.error();
  return choices;
}

Status read_sentence_config(const std::string& folder, EncoderConfig& config) {
  auto opened = ConfigFile::open_if_there(folder + "/sentence_bert_config.json");
  if (!opened) return opened.error();
  if (!*opened) return {};
  ConfigFile& fields = **opened;
  fields.must_be_object();
  config.bert.tokens_max =
      fields.integer("max_seq_length", 3, config.bert.positions, config.bert.tokens_max);
  if (fields.flag("do_lower_case", false) && !config.lower_case)
    fields.unsupported("do_lower_case is true before a tokenizer that knows case");
  return fields.status();
}

// The name of a folder in the model's folder: never a path that leads out of it.
bool is_plain_name(const std::string& path) {
  constexpr std::size_t bytes_max = 64;
  return !path.empty() && path.size() <= bytes_max && path.front() != '.' &&
         std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

Status check_pooling(const std::string& path, std::uint32_t width) {
  auto opened = ConfigFile::open(path);
  if (!opened) return opened.error();
  ConfigFile& fields = *opened;
  fields.must_be_object();
  if (fields.integer("word_embedding_dimension", 1, bert_limits::width_max, width) != width)
    fields.fail("word_embedding_dimension",
                "it is not config.json's hidden_size " + std::to_string(width));
  if (const auto mode = fields.text("pooling_mode", "mean"); mode != "mean")
    fields.unsupported("the pooling_mode is " + quoted(mode) + ", not \"mean\"");
  if (!fields.flag("pooling_mode_mean_tokens", true))
    fields.unsupported("pooling_mode_mean_tokens is false");
  for (const char* other :
       {"pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"})
    if (fields.flag(other, false))
      fields.unsupported(std::string(other) + " is true; only mean pooling is computed here");
  return fields.status();
}

Status check_modules(const std::string& folder, std::uint32_t width) {
  auto opened = ConfigFile::open_if_there(folder + "/modules.json");
  if (!opened) return opened.error();
  if (!*opened) return {};
  ConfigFile& fields = **opened;
  if (!fields.whole().is_array()) fields.fail("", "it is not a JSON array");
  for (const json& module : fields.whole()) {
    const auto type = module.is_object() ? module.value("type", json()) : json();
    const auto path = module.is_object() ? module.value("path", json()) : json();
    if (!type.is_string() || !path.is_string()) {
      fields.fail("", "a module without type and path");
      break;
    }
    const auto full = type.get<std::string>();
    const auto kind = full.substr(full.rfind('.') + 1);
    const auto place = path.get<std::string>();
    if (kind == "Pooling") {
      if (!is_plain_name(place)) {
        fields.fail("", "the module path " + quoted(place) + " is not the name of a folder");
        break;
      }
      const auto inner = std::string(folder).append("/").append(place);
      if (auto status = check_pooling(inner + "/config.json", width); !status) return status;
    } else if (kind == "Transformer") {
      if (!place.empty()) fields.unsupported("its Transformer lies in the folder " + quoted(place));
    } else if (kind != "Normalize") {
      fields.unsupported("it has a module " + quoted(full));
    }
  }
  return fields.status();
}

}  // namespace

Result<EncoderConfig> read_bert_config(const std::string& folder) {
  EncoderConfig config;
  if (auto status = read_architecture(folder, config); !status) return status.error();
  const auto tokenizer = read_tokenizer(folder, config.bert.positions);
  if (!tokenizer) return tokenizer.error();
  config.lower_case = tokenizer->lower_case;
  config.bert.tokens_max = tokenizer->tokens_max;
  if (auto status = read_sentence_config(folder, config); !status) return status.error();
  if (auto status = check_modules(folder, config.bert.width); !status) return status.error();
  return config;
}

}  // namespace troupe::models
