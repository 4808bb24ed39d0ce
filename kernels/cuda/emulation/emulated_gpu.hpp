// A GPU of the CPU: memory from the heap, streams that do everything at once on the calling thread,
// graphs that repeat what was launched while they were captured, with the arguments of then, and
// that fail when memory which those point into was given back meanwhile. It fails where it is told
// to.
//
// It cannot show what only time shows: copies beside kernels, an urgent stream that overtakes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/gpu.hpp"

namespace troupe::cuda::emulation {

class Machine;

class EmulatedGpu : public Gpu {
 public:
  explicit EmulatedGpu(std::uint64_t seed);
  ~EmulatedGpu() override;

  // The call with that number, counted from one, fails with `status`, and so do all after it if the
  // GPU is then gone. Zero: none.
  void fail_at(std::uint64_t call, int status, bool gone);
  // How much device memory there is; 1 GiB unless told.
  void limit_memory(std::size_t bytes) { memory_max_ = bytes; }
  // From now on nobody is called any more, as by a driver whose device has gone.
  void fall_silent() { silent_ = true; }
  // Why there is no cuBLAS; nothing: there is one, which multiplies as the portable kernel does.
  void set_blas(std::string why_not) { no_blas_ = std::move(why_not); }
  // Shapes that were planned; how often that was asked for, and a product.
  [[nodiscard]] std::size_t plans() const noexcept { return planned_.size(); }
  [[nodiscard]] std::uint64_t plans_asked() const noexcept { return plans_asked_; }
  [[nodiscard]] std::uint64_t products() const noexcept { return products_; }
  // Calls the function once, when kernels have made that many steps from now on (block.hpp). It may
  // do what a host does while a kernel runs, and call nothing of this GPU's but this.
  void after_steps(std::uint64_t steps, std::function<void()> function);
  // How many steps kernels have made, and how many graphs were launched.
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::uint64_t graphs_launched() const noexcept { return graphs_launched_; }
  [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
  // Memory, streams and graphs that nobody gave back.
  [[nodiscard]] std::int64_t held() const noexcept { return held_; }
  // What a kernel did wrong, if one did.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

  [[nodiscard]] const char* error_text(int status) const override;
  int free_memory(std::size_t* bytes) override;
  int allocate(std::size_t bytes, void** memory) override;
  void release(void* memory) override;
  int allocate_pinned(std::size_t bytes, void** memory) override;
  void release_pinned(void* memory) override;
  int make_stream(bool urgent, Stream* stream) override;
  void free_stream(Stream stream) override;
  int copy_in(void* device, const void* host, std::size_t bytes, Stream stream) override;
  int copy_out(void* host, const void* device, std::size_t bytes, Stream stream) override;
  int clear(void* device, std::size_t bytes, Stream stream) override;
  int call(void (*function)(void*), void* argument, Stream stream) override;
  int wait(Stream stream) override;
  int query(Stream stream) override;
  int begin_capture(Stream stream) override;
  int end_capture(Stream stream, Graph* graph) override;
  int launch_graph(Graph graph, Stream stream) override;
  void free_graph(Graph graph) override;
  const char* open_blas() override;
  int plan_product(const ProductShape& shape) override;
  int product(const Product& arguments, Stream stream) override;
  int bias_activation(const BiasActivation& arguments, Stream stream) override;
  int embed(const Embed& arguments, Stream stream) override;
  int gemm(const Gemm& arguments, Stream stream) override;
  int attention(const Attention& arguments, Stream stream) override;
  int residual_norm(const ResidualNorm& arguments, Stream stream) override;
  int pool(const Pool& arguments, Stream stream) override;
  int gather_first(const GatherFirst& arguments, Stream stream) override;
  int score(const Score& arguments, Stream stream) override;
  int merge(const Merge& arguments, Stream stream) override;
  int policy_scores(const PolicyScores& arguments, Stream stream) override;
  int policy_choice(const PolicyChoice& arguments, Stream stream) override;

 private:
  class Lane;
  struct Recorded;
  struct Allocation {
    std::size_t bytes;
    bool of_device;
    std::uint64_t number;  // never used twice
  };
  [[nodiscard]] int counted();
  [[nodiscard]] int take(std::size_t bytes, bool of_device, void** memory);
  void give_back(void* memory);
  // While a stream is captured: which memory the arguments point into.
  void note_pointers(Stream stream, const void* arguments, std::size_t bytes);
  // A launch, if it is not the one that fails.
  template <class Arguments>
  int launch(int (*launcher)(const Arguments&, Stream), const Arguments& arguments, Stream stream) {
    if (const int failed = counted()) return failed;
    note_pointers(stream, &arguments, sizeof arguments);
    return launcher(arguments, stream);
  }

  std::unique_ptr<Machine> machine_;
  std::uint64_t calls_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t graphs_launched_ = 0;
  std::uint64_t step_wanted_ = 0;
  std::function<void()> at_step_;
  std::uint64_t fail_at_ = 0;
  int fail_status_ = 0;
  bool gone_ = false;
  bool silent_ = false;
  std::int64_t held_ = 0;
  std::size_t memory_max_ = std::size_t{1} << 30;
  std::size_t memory_used_ = 0;
  std::string no_blas_ = "there is no cuBLAS";
  bool blas_open_ = false;
  std::uint64_t plans_asked_ = 0;
  std::uint64_t products_ = 0;
  std::map<ProductShape, std::uint32_t> planned_;  // and their rows, where kernels read them
  std::uint64_t allocations_ = 0;
  std::map<std::uintptr_t, Allocation> memory_;  // by its first byte
  std::string fault_;
};

}  // namespace troupe::cuda::emulation
