#include "base/tensor.hpp"

#include <new>

namespace troupe {

std::size_t size_of(DType type) noexcept {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::i64:
      return 8;
    case DType::u8:
      return 1;
  }
  TROUPE_ASSERT(false, "a dtype outside the enumeration");
}

std::string_view name(DType type) noexcept {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
  }
  TROUPE_ASSERT(false, "a dtype outside the enumeration");
}

Result<Shape> Shape::make(std::span<const std::uint64_t> dimensions) {
  if (dimensions.size() > limits::tensor_rank_max)
    return Error{ErrorCode::too_large,
                 "a tensor of rank " + std::to_string(dimensions.size()) +
                     " is over the limit of " + std::to_string(limits::tensor_rank_max),
                 ""};
  Shape shape;
  shape.rank_ = dimensions.size();
  std::uint64_t elements = 1;
  for (std::size_t axis = 0; axis < dimensions.size(); ++axis) {
    shape.dims_[axis] = dimensions[axis];
    if (__builtin_mul_overflow(elements, dimensions[axis], &elements) || elements >> 60 != 0)
      return Error{ErrorCode::too_large, "a tensor's element count does not fit", ""};
  }
  return shape;
}

std::uint64_t Shape::elements() const noexcept {
  std::uint64_t product = 1;
  for (std::size_t axis = 0; axis < rank_; ++axis) product *= dims_[axis];
  return product;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (std::size_t axis = 0; axis < rank_; ++axis) {
    if (axis != 0) text += ", ";
    text += std::to_string(dims_[axis]);
  }
  return text + "]";
}

Result<TensorView> TensorView::make(DType dtype, Shape shape, std::span<const std::byte> bytes) {
  if (shape.elements() * size_of(dtype) != bytes.size())
    return Error{ErrorCode::malformed,
                 "a tensor of " + std::string(name(dtype)) + shape.to_string() + " needs " +
                     std::to_string(shape.elements() * size_of(dtype)) + " bytes, not " +
                     std::to_string(bytes.size()),
                 ""};
  return TensorView{dtype, shape, bytes};
}

namespace {
constexpr std::align_val_t alignment{64};
}

FloatBuffer::FloatBuffer(std::size_t size) : size_(size) {
  TROUPE_ASSERT(size <= SIZE_MAX / sizeof(float), "a buffer's size was not checked by its caller");
  data_.reset(static_cast<float*>(::operator new[](size * sizeof(float), alignment)));
  std::memset(data_.get(), 0, size * sizeof(float));
}

void FloatBuffer::Free::operator()(float* memory) const noexcept {
  ::operator delete[](memory, alignment);
}

}  // namespace troupe
