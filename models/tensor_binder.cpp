#include "models/tensor_binder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "kernels/bf16.hpp"
#include "models/float16.hpp"
#include "models/json.hpp"

namespace troupe::models {
namespace {

template <class Stored, class Widen>
FloatBuffer widened(std::span<const std::byte> bytes, Widen widen) {
  FloatBuffer copy(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < copy.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    copy.data()[i] = widen(stored);
  }
  return copy;
}

bool all_finite(std::span<const float> values) noexcept {
  // Whole blocks without a branch, so that the compiler makes vectors of it.
  constexpr std::size_t block = 4096;
  constexpr std::uint32_t exponent = 0x7f800000U;
  while (!values.empty()) {
    const auto part = values.first(std::min(block, values.size()));
    bool finite = true;
    for (const float value : part)
      finite &= (std::bit_cast<std::uint32_t>(value) & exponent) != exponent;
    if (!finite) return false;
    values = values.subspan(part.size());
  }
  return true;
}

bool is_aligned(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0;
}

}  // namespace

TensorBinder::TensorBinder(const Safetensors& file, std::string config)
    : file_(file), config_(std::move(config)), storage_(std::make_shared<Storage>()) {
  storage_->file = file.storage();
}

bool TensorBinder::has(const std::string& name) const {
  return file_.find(name) != nullptr;
}

std::span<const float> TensorBinder::floats(const std::string& name,
                                            std::initializer_list<std::uint64_t> shape) {
  if (error_) return {};
  const StoredTensor* tensor = file_.find(name);
  if (tensor == nullptr) {
    fail(name, "it is missing");
    return {};
  }
  const auto wanted = Shape::make(shape);
  if (!wanted || tensor->shape != *wanted) {
    fail(name, "its shape is " + tensor->shape.to_string() + ", " + config_ + " asks for " +
                   (wanted ? wanted->to_string() : wanted.error().what));
    return {};
  }
  return values_of(name, *tensor);
}

kernels::LinearWeights TensorBinder::linear(const std::string& name, std::uint64_t out,
                                            std::uint64_t in) {
  return {floats(name + ".weight", {out, in}), floats(name + ".bias", {out})};
}

void TensorBinder::fail(const std::string& name, const std::string& why) {
  if (!error_)
    error_ = Error{ErrorCode::model_damaged, file_.name() + ": tensor " + quoted(name) + ": " + why,
                   "fetch the model again; weights and " + config_ + " must belong together"};
}

std::span<const float> TensorBinder::values_of(const std::string& name,
                                               const StoredTensor& tensor) {
  std::span<const float> values;
  if (tensor.dtype == DType::f32 && is_aligned(tensor.bytes)) {
    values = {reinterpret_cast<const float*>(tensor.bytes.data()),
              tensor.bytes.size() / sizeof(float)};
  } else if (tensor.dtype == DType::f32) {
    values = keep(widened<float>(tensor.bytes, [](float value) { return value; }));
  } else if (tensor.dtype == DType::f16) {
    values = keep(widened<std::uint16_t>(tensor.bytes, from_f16));
  } else if (tensor.dtype == DType::bf16) {
    values = keep(widened<std::uint16_t>(tensor.bytes, kernels::from_bf16));
  } else {
    fail(name, "its type is " + tensor.type + ", not F32, F16 or BF16");
    return {};
  }
  if (!all_finite(values)) fail(name, "it holds values that are not finite");
  return values;
}

std::span<const float> TensorBinder::keep(FloatBuffer copy) {
  storage_->copies.push_back(std::move(copy));
  return std::as_const(storage_->copies.back()).span();
}

}  // namespace troupe::models
