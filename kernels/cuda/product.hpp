// A large matrix product, as cuBLAS does it: y = x * weight^T and nothing else.
#pragma once

#include <compare>
#include <cstddef>

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

// What a plan is made for. Sums are float32 whatever the numbers; `rows` are worked on whether
// there is something in them or not.
struct ProductShape {
  Number number;  // of x and weight
  Number result;  // of y
  std::uint32_t in;
  std::uint32_t out;
  std::uint32_t rows;
  auto operator<=>(const ProductShape&) const = default;
};

struct Product {
  // Of memory that only one stream works with.
  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

  ProductShape shape;
  const void* x;       // [rows, in]
  const void* weight;  // [out, in]
  void* y;             // [rows, out]
  void* workspace;     // [workspace_bytes]
};

}  // namespace troupe::cuda
