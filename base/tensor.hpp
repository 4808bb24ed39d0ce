// Tensors as views, and the one aligned buffer that owns memory for them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "base/result.hpp"

namespace troupe {

// The numbers travel on the wire: append only.
enum class DType : std::uint8_t { f32 = 1, f16 = 2, bf16 = 3, i32 = 4, i64 = 5, u8 = 6 };

std::size_t size_of(DType type) noexcept;
std::string_view name(DType type) noexcept;

// Up to limits::tensor_rank_max dimensions, row-major.
class Shape {
 public:
  Shape() = default;
  // Refuses a rank over the limit and an element count of 2^60 and more.
  static Result<Shape> make(std::span<const std::uint64_t> dimensions);

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::uint64_t operator[](std::size_t axis) const noexcept { return dims_[axis]; }
  [[nodiscard]] std::uint64_t elements() const noexcept;
  [[nodiscard]] std::string to_string() const;  // "[30522, 384]"
  bool operator==(const Shape&) const = default;

 private:
  std::array<std::uint64_t, limits::tensor_rank_max> dims_{};
  std::size_t rank_ = 0;
};

// Bytes that somebody else owns, with what they mean. The bytes may be unaligned (a file's mapping,
// a frame): read them with memcpy, never through a cast pointer.
struct TensorView {
  DType dtype = DType::f32;
  Shape shape;
  std::span<const std::byte> bytes;

  // The one way to make a view from outside data: checks that the byte count is exactly
  // shape x dtype.
  static Result<TensorView> make(DType dtype, Shape shape, std::span<const std::byte> bytes);
};

// Floats on a 64-byte boundary, which every vector path of the kernels wants. Zeroed when made.
class FloatBuffer {
 public:
  FloatBuffer() = default;
  explicit FloatBuffer(std::size_t size);

  [[nodiscard]] float* data() noexcept { return data_.get(); }
  [[nodiscard]] const float* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<float> span() noexcept { return {data_.get(), size_}; }
  [[nodiscard]] std::span<const float> span() const noexcept { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(float* memory) const noexcept;
  };
  std::unique_ptr<float[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace troupe
