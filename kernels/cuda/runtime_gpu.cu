// The seam's real side: the CUDA runtime, its statuses handed through.
#include <cuda_runtime.h>

#include <new>

#include "kernels/cuda/backend.h"
#include "kernels/cuda/blas.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::cuda {
namespace {

cudaStream_t stream_of(Stream stream) {
  return static_cast<cudaStream_t>(stream);
}
int number(cudaError_t status) {
  // A failed launch is reported once more by the next call that asks; that must not be blamed
  // twice.
  if (status != cudaSuccess) (void)cudaGetLastError();
  return static_cast<int>(status);
}

class RuntimeGpu final : public Gpu {
 public:
  [[nodiscard]] const char* error_text(int status) const override {
    if (status >= Blas::status_first) return "cuBLAS failed";
    return cudaGetErrorString(static_cast<cudaError_t>(status));
  }

  int free_memory(std::size_t* bytes) override {
    std::size_t all = 0;
    return number(cudaMemGetInfo(bytes, &all));
  }
  int allocate(std::size_t bytes, void** memory) override {
    return number(cudaMalloc(memory, bytes));
  }
  void release(void* memory) override { (void)number(cudaFree(memory)); }
  int allocate_pinned(std::size_t bytes, void** memory) override {
    return number(cudaHostAlloc(memory, bytes, cudaHostAllocDefault));
  }
  void release_pinned(void* memory) override { (void)number(cudaFreeHost(memory)); }

  int make_stream(bool urgent, Stream* stream) override {
    int least = 0;
    int greatest = 0;
    if (const int failed = number(cudaDeviceGetStreamPriorityRange(&least, &greatest)))
      return failed;
    cudaStream_t made = nullptr;
    const int status = number(
        cudaStreamCreateWithPriority(&made, cudaStreamNonBlocking, urgent ? greatest : least));
    *stream = made;
    return status;
  }
  void free_stream(Stream stream) override { (void)number(cudaStreamDestroy(stream_of(stream))); }

  int copy_in(void* device, const void* host, std::size_t bytes, Stream stream) override {
    return number(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_of(stream)));
  }
  int copy_out(void* host, const void* device, std::size_t bytes, Stream stream) override {
    return number(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_of(stream)));
  }
  int clear(void* device, std::size_t bytes, Stream stream) override {
    return number(cudaMemsetAsync(device, 0, bytes, stream_of(stream)));
  }
  int call(void (*function)(void*), void* argument, Stream stream) override {
    return number(cudaLaunchHostFunc(stream_of(stream), function, argument));
  }
  int wait(Stream stream) override { return number(cudaStreamSynchronize(stream_of(stream))); }

  int query(Stream stream) override { return number(cudaStreamQuery(stream_of(stream))); }

  int begin_capture(Stream stream) override {
    return number(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal));
  }
  int end_capture(Stream stream, Graph* graph) override {
    cudaGraph_t recorded = nullptr;
    if (const int failed = number(cudaStreamEndCapture(stream_of(stream), &recorded)))
      return failed;
    cudaGraphExec_t ready = nullptr;
    // With the kernels' own priorities: they keep that of the stream they were captured from.
    const int status =
        number(cudaGraphInstantiate(&ready, recorded, cudaGraphInstantiateFlagUseNodePriority));
    (void)number(cudaGraphDestroy(recorded));
    *graph = ready;
    return status;
  }
  int launch_graph(Graph graph, Stream stream) override {
    return number(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream)));
  }
  void free_graph(Graph graph) override {
    (void)number(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
  }

  const char* open_blas() override { return blas_.open(); }
  int plan_product(const ProductShape& shape) override { return blas_.plan(shape); }
  int product(const Product& arguments, Stream stream) override {
    return blas_.run(arguments, stream_of(stream));
  }
  int bias_activation(const BiasActivation& arguments, Stream stream) override {
    return launch_bias_activation(arguments, stream);
  }

  int embed(const Embed& arguments, Stream stream) override {
    return launch_embed(arguments, stream);
  }
  int gemm(const Gemm& arguments, Stream stream) override { return launch_gemm(arguments, stream); }
  int attention(const Attention& arguments, Stream stream) override {
    return launch_attention(arguments, stream);
  }
  int residual_norm(const ResidualNorm& arguments, Stream stream) override {
    return launch_residual_norm(arguments, stream);
  }
  int pool(const Pool& arguments, Stream stream) override { return launch_pool(arguments, stream); }
  int gather_first(const GatherFirst& arguments, Stream stream) override {
    return launch_gather_first(arguments, stream);
  }
  int score(const Score& arguments, Stream stream) override {
    return launch_score(arguments, stream);
  }
  int merge(const Merge& arguments, Stream stream) override {
    return launch_merge(arguments, stream);
  }
  int policy_scores(const PolicyScores& arguments, Stream stream) override {
    return launch_policy_scores(arguments, stream);
  }
  int policy_choice(const PolicyChoice& arguments, Stream stream) override {
    return launch_policy_choice(arguments, stream);
  }

 private:
  Blas blas_;
};

}  // namespace
}  // namespace troupe::cuda

troupe::cuda::Gpu* troupe_cuda_open(int device, int* status) {
  *status = static_cast<int>(cudaSetDevice(device));
  if (*status == 0) *status = static_cast<int>(cudaFree(nullptr));  // makes the context, now
  if (*status != 0) return nullptr;
  return new (std::nothrow) troupe::cuda::RuntimeGpu;
}

void troupe_cuda_close(troupe::cuda::Gpu* gpu) {
  delete gpu;
}
