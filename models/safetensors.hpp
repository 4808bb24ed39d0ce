// Safetensors files: an 8-byte little-endian length, that many bytes of JSON which name each
// tensor's type, shape and place, then the data. The file is mapped; tensors are views into it.
//
// Nothing in the file is believed. A file is accepted only if every tensor's place lies in the data
// and holds exactly shape x type, and the tensors cover the data from end to end without overlap or
// gap, as the format demands; so a file that was cut short or grew is found out, whichever tensor
// is wanted. Data may stand unaligned: floats are read through models/weights.
//
// Source: the format's description in the README of github.com/huggingface/safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/tensor.hpp"

namespace troupe::models {

struct StoredTensor {
  std::string type;            // as the file spells it: "F32"
  std::optional<DType> dtype;  // none for types that troupe does not compute with (F64, BOOL, ...)
  Shape shape;
  std::span<const std::byte> bytes;
};

// Immutable, cheap to copy, safe from any thread. The views live as long as storage() or any copy.
class Safetensors {
 public:
  static constexpr std::uint64_t header_bytes_max = 16ULL * 1024 * 1024;

  // Errors: model_missing, io, and model_damaged with the file, the tensor and what is wrong.
  static Result<Safetensors> open(const std::string& path);

  // The same for bytes in memory; `storage` keeps them alive, `name` stands in messages.
  static Result<Safetensors> parse(std::span<const std::byte> bytes,
                                   std::shared_ptr<const void> storage, std::string name);

  using Tensors = std::map<std::string, StoredTensor, std::less<>>;
  [[nodiscard]] const Tensors& tensors() const noexcept { return *tensors_; }
  [[nodiscard]] const StoredTensor* find(std::string_view tensor) const noexcept;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::shared_ptr<const void>& storage() const noexcept { return storage_; }

 private:
  Safetensors() = default;

  std::string name_;
  std::shared_ptr<const void> storage_;
  std::shared_ptr<const Tensors> tensors_;
};

}  // namespace troupe::models
