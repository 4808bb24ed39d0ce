#include "models/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "models/file.hpp"
#include "models/json.hpp"

static_assert(std::endian::native == std::endian::little,
              "safetensors data is used as it lies in the file");

namespace troupe::models {
namespace {

using nlohmann::json;

constexpr std::size_t length_bytes = 8;

Error damaged(const std::string& file, const std::string& why) {
  return {ErrorCode::model_damaged, file + ": " + why,
          "fetch the model again; the file is not what its maker wrote"};
}

Error damaged(const std::string& file, const std::string& tensor, const std::string& why) {
  return damaged(file, "tensor " + quoted(tensor) + ": " + why);
}

struct StoredType {
  std::string_view name;
  std::uint64_t bytes;
  std::optional<DType> dtype;
};

// The format's types of whole bytes.
constexpr std::array<StoredType, 17> stored_types = {{
    {"F32", 4, DType::f32},
    {"F16", 2, DType::f16},
    {"BF16", 2, DType::bf16},
    {"I32", 4, DType::i32},
    {"I64", 8, DType::i64},
    {"U8", 1, DType::u8},
    {"F64", 8, std::nullopt},
    {"C64", 8, std::nullopt},
    {"U64", 8, std::nullopt},
    {"U32", 4, std::nullopt},
    {"U16", 2, std::nullopt},
    {"I16", 2, std::nullopt},
    {"I8", 1, std::nullopt},
    {"BOOL", 1, std::nullopt},
    {"F8_E4M3", 1, std::nullopt},
    {"F8_E5M2", 1, std::nullopt},
    {"F8_E8M0", 1, std::nullopt},
}};

bool is_unsigned_list(const json& value) {
  return value.is_array() && std::ranges::all_of(value, &json::is_number_unsigned);
}

bool is_text_map(const json& value) {
  return value.is_object() && std::ranges::all_of(value, &json::is_string);
}

// One entry of the header; `error(why)` makes the message.
template <class MakeError>
Result<StoredTensor> read_tensor(const json& entry, std::span<const std::byte> data,
                                 MakeError error) {
  if (!entry.is_object()) return error("its entry is not a JSON object");
  const auto type = entry.find("dtype");
  const auto shape = entry.find("shape");
  const auto place = entry.find("data_offsets");
  if (type == entry.end() || !type->is_string()) return error("it has no dtype");
  if (shape == entry.end() || !is_unsigned_list(*shape)) return error("it has no shape");
  if (place == entry.end() || !is_unsigned_list(*place) || place->size() != 2)
    return error("it has no data_offsets");

  const auto spelled = type->template get<std::string>();
  const auto known = std::ranges::find(stored_types, spelled, &StoredType::name);
  if (known == stored_types.end()) return error("the type " + quoted(spelled) + " is not known");
  const auto made = Shape::make(shape->template get<std::vector<std::uint64_t>>());
  if (!made) return error(made.error().what);

  const auto begin = (*place)[0].template get<std::uint64_t>();
  const auto end = (*place)[1].template get<std::uint64_t>();
  if (begin > end) return error("it ends before it begins");
  if (end > data.size())
    return error("it ends at byte " + std::to_string(end) + " of " + std::to_string(data.size()) +
                 " bytes of data");
  // No overflow: a Shape has fewer than 2^60 elements.
  const std::uint64_t wanted = made->elements() * known->bytes;
  if (wanted != end - begin)
    return error("it holds " + std::to_string(end - begin) + " bytes where " + spelled + " " +
                 made->to_string() + " needs " + std::to_string(wanted));
  return StoredTensor{spelled, known->dtype, *made, data.subspan(begin, end - begin)};
}

// The tensors lie end to end: no byte belongs to two of them and none to nobody.
Status check_cover(const Safetensors::Tensors& tensors, std::span<const std::byte> data,
                   const std::string& file) {
  std::vector<const Safetensors::Tensors::value_type*> order;
  order.reserve(tensors.size());
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::ranges::sort(order, {}, [](const auto* tensor) {
    const auto& bytes = tensor->second.bytes;
    return std::pair(bytes.data(), bytes.size());
  });
  std::uint64_t covered = 0;
  for (const auto* tensor : order) {
    const auto begin = static_cast<std::uint64_t>(tensor->second.bytes.data() - data.data());
    if (begin < covered) return damaged(file, tensor->first, "it overlaps another tensor");
    if (begin > covered)
      return damaged(
          file, tensor->first,
          "before it lie " + std::to_string(begin - covered) + " bytes that belong to no tensor");
    covered += tensor->second.bytes.size();
  }
  if (covered != data.size())
    return damaged(file, "after the last tensor come " + std::to_string(data.size() - covered) +
                             " bytes that belong to none");
  return {};
}

Result<std::span<const std::byte>> header_of(std::span<const std::byte> bytes,
                                             const std::string& file) {
  const std::string size = std::to_string(bytes.size()) + " bytes";
  if (bytes.size() < length_bytes)
    return damaged(file, "it is cut short: " + size + " are less than a header's length field");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), length_bytes);
  if (header_bytes > Safetensors::header_bytes_max)
    return damaged(file, "a header of " + std::to_string(header_bytes) +
                             " bytes is over the limit of " +
                             std::to_string(Safetensors::header_bytes_max));
  if (header_bytes > bytes.size() - length_bytes)
    return damaged(file, "it is cut short: a header of " + std::to_string(header_bytes) +
                             " bytes does not fit into " + size);
  return bytes.subspan(length_bytes, header_bytes);
}

}  // namespace

Result<Safetensors> Safetensors::open(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto bytes = (*file)->bytes();
  return parse(bytes, *file, path);
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes,
                                       std::shared_ptr<const void> storage, std::string name) {
  const auto header = header_of(bytes, name);
  if (!header) return header.error();
  const auto data = bytes.subspan(length_bytes + header->size());
  const auto parsed =
      parse_json({reinterpret_cast<const char*>(header->data()), header->size()}, name);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return damaged(name, "its header is not a JSON object");

  Tensors tensors;
  for (const auto& item : parsed->items()) {
    const std::string& tensor = item.key();
    if (tensor == "__metadata__") {
      if (!is_text_map(item.value())) return damaged(name, "its metadata is not a map of strings");
      continue;
    }
    auto stored = read_tensor(item.value(), data,
                              [&](const std::string& why) { return damaged(name, tensor, why); });
    if (!stored) return stored.error();
    tensors.emplace(tensor, std::move(*stored));
  }
  if (auto status = check_cover(tensors, data, name); !status) return status.error();

  Safetensors made;
  made.name_ = std::move(name);
  made.storage_ = std::move(storage);
  made.tensors_ = std::make_shared<const Tensors>(std::move(tensors));
  return made;
}

const StoredTensor* Safetensors::find(std::string_view tensor) const noexcept {
  const auto found = tensors_->find(tensor);
  return found == tensors_->end() ? nullptr : &found->second;
}

}  // namespace troupe::models
