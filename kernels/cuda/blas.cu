#include "kernels/cuda/blas.hpp"

#include <dlfcn.h>

#include <initializer_list>

namespace troupe::cuda {
namespace {

// Of the version whose header this is compiled with.
const std::string library_name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);

int number(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? 0 : Blas::status_first + static_cast<int>(status);
}

cudaDataType_t type_of(Number number) {
  return number == Number::f16 ? CUDA_R_16F : CUDA_R_32F;
}

// The first that failed, evaluated no further.
template <class... Steps>
cublasStatus_t each(const Steps&... steps) {
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  (void)((status = steps(), status == CUBLAS_STATUS_SUCCESS) && ...);
  return status;
}

}  // namespace

Blas::~Blas() {
  for (const auto& [shape, plan] : plans_) forget(plan);
  if (handle_ != nullptr) calls_.destroy(handle_);
  // Its code stays: CUDA may still know of it.
}

const char* Blas::open() {
  if (looked_) return why_.empty() ? nullptr : why_.c_str();
  looked_ = true;
  library_ = ::dlopen(library_name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library_ == nullptr) {
    const char* const said = ::dlerror();
    why_ = "cuBLAS cannot be opened: " + (said != nullptr ? std::string(said) : library_name);
  } else if (!find_calls()) {
    why_ = "cuBLAS is of another version: " + library_name;
  } else if (const auto status = calls_.create(&handle_); status != CUBLAS_STATUS_SUCCESS) {
    handle_ = nullptr;
    why_ = "cuBLAS does not start (" + std::to_string(static_cast<int>(status)) + ")";
  }
  return why_.empty() ? nullptr : why_.c_str();
}

bool Blas::find_calls() {
  const auto find = [this](auto& call, const char* name) {
    call = reinterpret_cast<std::decay_t<decltype(call)>>(::dlsym(library_, name));
    return call != nullptr;
  };
  return find(calls_.create, "cublasLtCreate") && find(calls_.destroy, "cublasLtDestroy") &&
         find(calls_.desc_create, "cublasLtMatmulDescCreate") &&
         find(calls_.desc_destroy, "cublasLtMatmulDescDestroy") &&
         find(calls_.desc_set, "cublasLtMatmulDescSetAttribute") &&
         find(calls_.layout_create, "cublasLtMatrixLayoutCreate") &&
         find(calls_.layout_destroy, "cublasLtMatrixLayoutDestroy") &&
         find(calls_.preference_create, "cublasLtMatmulPreferenceCreate") &&
         find(calls_.preference_destroy, "cublasLtMatmulPreferenceDestroy") &&
         find(calls_.preference_set, "cublasLtMatmulPreferenceSetAttribute") &&
         find(calls_.heuristic, "cublasLtMatmulAlgoGetHeuristic") &&
         find(calls_.matmul, "cublasLtMatmul");
}

int Blas::plan(const ProductShape& shape) {
  if (handle_ == nullptr) return number(CUBLAS_STATUS_NOT_INITIALIZED);
  if (plans_.count(shape) > 0) return 0;
  Plan plan;
  const auto status = make(shape, plan);
  if (status != CUBLAS_STATUS_SUCCESS)
    forget(plan);
  else
    plans_.emplace(shape, plan);
  return number(status);
}

// cuBLAS counts by columns: what are rows to us are columns to it, and y^T = weight * x^T.
cublasStatus_t Blas::make(const ProductShape& shape, Plan& plan) const {
  const cudaDataType_t in = type_of(shape.number);
  const cublasOperation_t transposed = CUBLAS_OP_T;
  return each([&] { return calls_.desc_create(&plan.desc, CUBLAS_COMPUTE_32F, CUDA_R_32F); },
              [&] {
                return calls_.desc_set(plan.desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                       sizeof transposed);
              },
              [&] { return calls_.layout_create(&plan.weight, in, shape.in, shape.out, shape.in); },
              [&] { return calls_.layout_create(&plan.x, in, shape.in, shape.rows, shape.in); },
              [&] {
                return calls_.layout_create(&plan.y, type_of(shape.result), shape.out, shape.rows,
                                            shape.out);
              },
              [&] { return choose(plan); });
}

cublasStatus_t Blas::choose(Plan& plan) const {
  cublasLtMatmulPreference_t preference = nullptr;
  const std::size_t workspace = Product::workspace_bytes;
  const std::uint32_t in_one_block = CUBLASLT_REDUCTION_SCHEME_NONE;
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const auto status =
      each([&] { return calls_.preference_create(&preference); },
           [&] {
             return calls_.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                          &workspace, sizeof workspace);
           },
           [&] {
             return calls_.preference_set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                          &in_one_block, sizeof in_one_block);
           },
           [&] {
             return calls_.heuristic(handle_, plan.desc, plan.weight, plan.x, plan.y, plan.y,
                                     preference, 1, &found, &count);
           },
           [&] { return count == 1 ? found.state : CUBLAS_STATUS_NOT_SUPPORTED; });
  if (preference != nullptr) calls_.preference_destroy(preference);
  plan.algorithm = found.algo;
  return status;
}

void Blas::forget(const Plan& plan) const {
  for (const auto layout : {plan.weight, plan.x, plan.y}) {
    if (layout != nullptr) calls_.layout_destroy(layout);
  }
  if (plan.desc != nullptr) calls_.desc_destroy(plan.desc);
}

int Blas::run(const Product& product, cudaStream_t stream) const {
  const auto found = plans_.find(product.shape);
  if (found == plans_.end()) return number(CUBLAS_STATUS_INVALID_VALUE);
  const Plan& plan = found->second;
  const float one = 1;
  const float zero = 0;
  return number(calls_.matmul(handle_, plan.desc, &one, product.weight, plan.weight, product.x,
                              plan.x, &zero, product.y, plan.y, product.y, plan.y, &plan.algorithm,
                              product.workspace, Product::workspace_bytes, stream));
}

}  // namespace troupe::cuda
