// The linear layers of other libraries, behind one interface: what a build with
// -DTROUPE_BENCH_PEERS=ON measures ours against. A build without has none.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "kernels/linear_weights.hpp"

namespace troupe::bench::compute::peers {

// One layer, its weights laid out as its library likes them best. One thread at a time.
class Product {
 public:
  Product() = default;
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  virtual ~Product() = default;

  // y [rows, out] = x [rows, in] * W^T + b; rows start `stride` floats apart.
  virtual void apply(const float* x, std::size_t x_stride, std::size_t rows, float* y,
                     std::size_t y_stride) = 0;
};

struct Library {
  const char* id;    // of its figures
  const char* name;  // "OpenBLAS"
  // The parts stand side by side, as in kernels::cpu::Linear. Sets the library to one thread.
  std::unique_ptr<Product> (*make)(std::size_t in, std::span<const kernels::LinearWeights> parts);
  // Its version and what it chose for this CPU.
  const char* (*describe)();
};

// None where the build has no peers.
std::span<const Library> libraries();

extern const Library openblas;
extern const Library onednn;

}  // namespace troupe::bench::compute::peers
