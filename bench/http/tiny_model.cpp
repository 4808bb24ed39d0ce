#include "bench/http/tiny_model.hpp"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace troupe::bench::http {
namespace {

using nlohmann::json;
using Shape = std::vector<std::size_t>;

constexpr std::size_t positions = 128;

const json config = {{"model_type", "bert"},
                     {"vocab_size", 31},  // special tokens and letters, as vocabulary() has them
                     {"hidden_size", TinyModel::width},
                     {"num_hidden_layers", 1},
                     {"num_attention_heads", 12},
                     {"intermediate_size", TinyModel::width},
                     {"hidden_act", "gelu"},
                     {"max_position_embeddings", positions},
                     {"type_vocab_size", 2},
                     {"layer_norm_eps", 1e-12}};

std::string vocabulary() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) (text += letter) += '\n';
  return text;
}

// A safetensors file: the header's length, the header, and numbers that mean nothing. Not zeros,
// which would make a vector without a direction.
std::string weights() {
  constexpr std::size_t width = TinyModel::width;
  json header;
  std::size_t end = 0;
  const auto add = [&](const std::string& name, const Shape& shape) {
    std::size_t bytes = sizeof(float);
    for (const auto size : shape) bytes *= size;
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  };
  const auto linear = [&](const std::string& name) {
    add(name + ".weight", {width, width});
    add(name + ".bias", {width});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  };
  add("embeddings.word_embeddings.weight", {config["vocab_size"].get<std::size_t>(), width});
  add("embeddings.position_embeddings.weight", {positions, width});
  add("embeddings.token_type_embeddings.weight", {2, width});
  norm("embeddings.LayerNorm");
  const std::string layer = "encoder.layer.0.";
  for (const auto* name : {"query", "key", "value"}) linear(layer + "attention.self." + name);
  linear(layer + "attention.output.dense");
  norm(layer + "attention.output.LayerNorm");
  linear(layer + "intermediate.dense");
  linear(layer + "output.dense");
  norm(layer + "output.LayerNorm");

  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  bytes.reserve(bytes.size() + end);
  for (std::size_t i = 0; i < end / sizeof(float); ++i) {
    const float number = (static_cast<float>(i * 37 % 101) - 50.0F) / 500.0F;
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return bytes;
}

bool write(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  return !file.fail();
}

}  // namespace

Result<TinyModel> TinyModel::make() {
  std::error_code failed;
  std::string folder =
      (std::filesystem::temp_directory_path(failed) / "troupe-tiny-model-XXXXXX").string();
  if (failed || ::mkdtemp(folder.data()) == nullptr)
    return Error{ErrorCode::io, "cannot make a temporary folder for the tiny model",
                 "let TMPDIR name a folder that you may write to"};
  TinyModel model(folder);
  if (!write(folder + "/config.json", config.dump()) ||
      !write(folder + "/vocab.txt", vocabulary()) ||
      !write(folder + "/sentence_bert_config.json", R"({"max_seq_length": 128})") ||
      !write(folder + "/model.safetensors", weights()))
    return Error{ErrorCode::io, "cannot write the tiny model into " + folder,
                 "let TMPDIR name a folder on a disk with 5 MB to spare"};
  return model;
}

TinyModel::TinyModel(TinyModel&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}

TinyModel::~TinyModel() {
  if (folder_.empty()) return;
  std::error_code stays;  // among the temporary files, where it is cleaned up in time
  std::filesystem::remove_all(folder_, stays);
}

}  // namespace troupe::bench::http
