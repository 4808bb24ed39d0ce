// OpenBLAS: sgemm on the weights as the checkpoint has them, the bias put into the result before.
// It chooses its kernels for this CPU by itself; the bench refuses to run where the environment
// forces a choice.
#include <cblas.h>

#include <algorithm>
#include <vector>

#include "bench/compute/peers/product.hpp"

namespace troupe::bench::compute::peers {
namespace {

class OpenBlasProduct final : public Product {
 public:
  OpenBlasProduct(std::size_t in, std::span<const kernels::LinearWeights> parts) : in_(in) {
    for (const auto& part : parts) {
      weight_.insert(weight_.end(), part.weight.begin(), part.weight.end());
      bias_.insert(bias_.end(), part.bias.begin(), part.bias.end());
    }
  }

  void apply(const float* x, std::size_t x_stride, std::size_t rows, float* y,
             std::size_t y_stride) override {
    for (std::size_t row = 0; row < rows; ++row)
      std::copy(bias_.begin(), bias_.end(), y + row * y_stride);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(rows),
                static_cast<int>(bias_.size()), static_cast<int>(in_), 1.0F, x,
                static_cast<int>(x_stride), weight_.data(), static_cast<int>(in_), 1.0F, y,
                static_cast<int>(y_stride));
  }

 private:
  std::size_t in_;
  std::vector<float> weight_;  // [out, in]
  std::vector<float> bias_;
};

std::unique_ptr<Product> make(std::size_t in, std::span<const kernels::LinearWeights> parts) {
  openblas_set_num_threads(1);
  return std::make_unique<OpenBlasProduct>(in, parts);
}

}  // namespace

const Library openblas = {"openblas", "OpenBLAS", make, [] {
                            // Its configuration ends with the core that it chose.
                            return const_cast<const char*>(openblas_get_config());
                          }};

}  // namespace troupe::bench::compute::peers
