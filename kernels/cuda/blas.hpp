// cublasLt, opened at run time: it alone costs a process that links it 80 ms and more at its start,
// so only the thread of a device that wants it looks for it.
//
// A shape's plan is chosen once, by cublasLt's own heuristic, and kept. Partial sums are never
// spread over blocks, so a row's result does not depend on chance. One thread at a time.
#pragma once

#include <cublasLt.h>

#include <map>
#include <string>

#include "kernels/cuda/product.hpp"

namespace troupe::cuda {

class Blas {
 public:
  // Of a status of cuBLAS's, among CUDA's.
  static constexpr int status_first = 100000;

  Blas() = default;
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;

  // Null when it is there, else why it is not. Looks once.
  const char* open();

  // All return 0 or a status above status_first. A product's shape was planned.
  int plan(const ProductShape& shape);
  int run(const Product& product, cudaStream_t stream) const;

 private:
  struct Calls {
    decltype(&cublasLtCreate) create = nullptr;
    decltype(&cublasLtDestroy) destroy = nullptr;
    decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
    decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
    decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
    decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
    decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
    decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
    decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
    decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
    decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
    decltype(&cublasLtMatmul) matmul = nullptr;
  };
  struct Plan {
    cublasLtMatmulDesc_t desc = nullptr;
    cublasLtMatrixLayout_t weight = nullptr;
    cublasLtMatrixLayout_t x = nullptr;
    cublasLtMatrixLayout_t y = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
  };

  bool find_calls();
  cublasStatus_t make(const ProductShape& shape, Plan& plan) const;
  cublasStatus_t choose(Plan& plan) const;
  void forget(const Plan& plan) const;

  bool looked_ = false;
  std::string why_;  // it is not there
  void* library_ = nullptr;
  Calls calls_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<ProductShape, Plan> plans_;
};

}  // namespace troupe::cuda
