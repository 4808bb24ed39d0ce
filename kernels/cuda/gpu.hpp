// What the CUDA device asks of a GPU: the seam behind which the plug-in stands, and in tests an
// emulated one that runs the portable kernels on the CPU and fails where it is told to.
//
// Every call returns 0 or CUDA's error number; nothing throws and nothing exits. One thread at a
// time, the one that opened it. Plain types only: the plug-in is a shared object of its own.
#pragma once

#include <cstddef>

#include "kernels/cuda/portable/attention.hpp"
#include "kernels/cuda/portable/bias_activation.hpp"
#include "kernels/cuda/portable/embed.hpp"
#include "kernels/cuda/portable/gemm.hpp"
#include "kernels/cuda/portable/policy.hpp"
#include "kernels/cuda/portable/pool.hpp"
#include "kernels/cuda/portable/recall.hpp"
#include "kernels/cuda/portable/residual_norm.hpp"
#include "kernels/cuda/portable/stage.hpp"
#include "kernels/cuda/product.hpp"

namespace troupe::cuda {

using Graph = void*;

class Gpu {
 public:
  Gpu() = default;
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;
  virtual ~Gpu() = default;

  [[nodiscard]] virtual const char* error_text(int status) const = 0;

  // Bytes of the device's memory that nobody has taken.
  virtual int free_memory(std::size_t* bytes) = 0;
  virtual int allocate(std::size_t bytes, void** memory) = 0;
  virtual void release(void* memory) = 0;
  virtual int allocate_pinned(std::size_t bytes, void** memory) = 0;
  virtual void release_pinned(void* memory) = 0;

  // Kernels of an urgent stream are started before those of others that have not started yet.
  virtual int make_stream(bool urgent, Stream* stream) = 0;
  virtual void free_stream(Stream stream) = 0;

  // In the stream's order, after these calls have returned; the host's memory is pinned, or the
  // stream is waited for.
  virtual int copy_in(void* device, const void* host, std::size_t bytes, Stream stream) = 0;
  virtual int copy_out(void* host, const void* device, std::size_t bytes, Stream stream) = 0;
  virtual int clear(void* device, std::size_t bytes, Stream stream) = 0;
  // Calls the function on a thread of the driver's. It must only post, and call nothing of a Gpu's.
  virtual int call(void (*function)(void*), void* argument, Stream stream) = 0;
  virtual int wait(Stream stream) = 0;
  // 0 when the stream has nothing left to do, not_ready while it has; anything else: it never will.
  static constexpr int not_ready = 600;
  virtual int query(Stream stream) = 0;

  // Between the two, kernels are not run but recorded, with the arguments they are given.
  virtual int begin_capture(Stream stream) = 0;
  virtual int end_capture(Stream stream, Graph* graph) = 0;
  virtual int launch_graph(Graph graph, Stream stream) = 0;
  virtual void free_graph(Graph graph) = 0;

  // Looks for cuBLAS, once; costs some 100 ms where it is there. Null: it is. Else why not, as a
  // text that stays as long as the Gpu.
  virtual const char* open_blas() = 0;
  // Chooses how products of that shape are done, once for each; not while a stream is captured.
  virtual int plan_product(const ProductShape& shape) = 0;
  // Of a shape that was planned.
  virtual int product(const Product& arguments, Stream stream) = 0;
  virtual int bias_activation(const BiasActivation& arguments, Stream stream) = 0;

  virtual int embed(const Embed& arguments, Stream stream) = 0;
  virtual int gemm(const Gemm& arguments, Stream stream) = 0;
  virtual int attention(const Attention& arguments, Stream stream) = 0;
  virtual int residual_norm(const ResidualNorm& arguments, Stream stream) = 0;
  virtual int pool(const Pool& arguments, Stream stream) = 0;
  virtual int gather_first(const GatherFirst& arguments, Stream stream) = 0;
  virtual int score(const Score& arguments, Stream stream) = 0;
  virtual int merge(const Merge& arguments, Stream stream) = 0;
  virtual int policy_scores(const PolicyScores& arguments, Stream stream) = 0;
  virtual int policy_choice(const PolicyChoice& arguments, Stream stream) = 0;
};

}  // namespace troupe::cuda
