#include "kernels/cuda/emulation/emulated_gpu.hpp"

#include <cstring>
#include <utility>

#include "kernels/cuda/emulation/queue.hpp"

namespace troupe::cuda::emulation {
namespace {

// CUDA's numbers.
constexpr int invalid_value = 1;
constexpr int out_of_memory = 2;
constexpr int device_lost = 46;  // cudaErrorDevicesUnavailable
constexpr int launch_failure = 719;

struct Launch {
  Grid grid;
  std::function<void()> kernel;
};
using Launches = std::vector<Launch>;

}  // namespace

class EmulatedGpu::Lane final : public Queue {
 public:
  explicit Lane(EmulatedGpu& gpu) : gpu_(gpu) {}

  int launch(const Grid& grid, std::function<void()> kernel) override {
    if (capturing) {
      recorded.push_back({grid, std::move(kernel)});
      return 0;
    }
    return run({grid, std::move(kernel)});
  }
  int run(const Launch& launch) {
    const std::string fault = gpu_.machine_->run(launch.grid, launch.kernel);
    if (fault.empty()) return 0;
    gpu_.fault_ = fault;
    return launch_failure;
  }

  bool capturing = false;
  Launches recorded;

 private:
  EmulatedGpu& gpu_;
};

EmulatedGpu::EmulatedGpu(std::uint64_t seed) : machine_(std::make_unique<Machine>(seed)) {}
EmulatedGpu::~EmulatedGpu() = default;

void EmulatedGpu::fail_at(std::uint64_t call, int status, bool gone) {
  fail_at_ = call;
  fail_status_ = status;
  gone_ = gone;
}

int EmulatedGpu::counted() {
  ++calls_;
  if (fail_at_ == 0 || calls_ < fail_at_ || (calls_ > fail_at_ && !gone_)) return 0;
  return fail_status_;
}

const char* EmulatedGpu::error_text(int status) const {
  switch (status) {
    case out_of_memory:
      return "out of memory";
    case device_lost:
      return "the device is gone";
    case launch_failure:
      return fault_.empty() ? "a kernel failed" : fault_.c_str();
    default:
      return "an error of the emulation";
  }
}

int EmulatedGpu::take(std::size_t bytes, void** memory) {
  constexpr int rubbish = 0xff;
  *memory = ::operator new(bytes, std::align_val_t(256));
  std::memset(*memory, rubbish, bytes);
  ++held_;
  return 0;
}
void EmulatedGpu::give_back(void* memory) {
  ::operator delete(memory, std::align_val_t(256));
  --held_;
}

int EmulatedGpu::free_memory(std::size_t* bytes) {
  if (const int failed = counted()) return failed;
  *bytes = memory_max_ - memory_used_;
  return 0;
}
int EmulatedGpu::allocate(std::size_t bytes, void** memory) {
  if (const int failed = counted()) return failed;
  if (bytes > memory_max_ - memory_used_) return out_of_memory;
  memory_used_ += bytes;
  const int status = take(bytes, memory);
  memory_[*memory] = bytes;
  return status;
}
void EmulatedGpu::release(void* memory) {
  const auto found = memory_.find(memory);
  memory_used_ -= found->second;
  memory_.erase(found);
  give_back(memory);
}
int EmulatedGpu::allocate_pinned(std::size_t bytes, void** memory) {
  const int failed = counted();
  return failed != 0 ? failed : take(bytes, memory);
}
void EmulatedGpu::release_pinned(void* memory) {
  give_back(memory);
}

int EmulatedGpu::make_stream(bool, Stream* stream) {
  if (const int failed = counted()) return failed;
  *stream = static_cast<Queue*>(new Lane(*this));
  ++held_;
  return 0;
}
void EmulatedGpu::free_stream(Stream stream) {
  delete static_cast<Queue*>(stream);
  --held_;
}

int EmulatedGpu::copy_in(void* device, const void* host, std::size_t bytes, Stream) {
  if (const int failed = counted()) return failed;
  std::memcpy(device, host, bytes);
  return 0;
}
int EmulatedGpu::copy_out(void* host, const void* device, std::size_t bytes, Stream) {
  if (const int failed = counted()) return failed;
  std::memcpy(host, device, bytes);
  return 0;
}
int EmulatedGpu::clear(void* device, std::size_t bytes, Stream) {
  if (const int failed = counted()) return failed;
  std::memset(device, 0, bytes);
  return 0;
}
int EmulatedGpu::call(void (*function)(void*), void* argument, Stream) {
  if (const int failed = counted()) return failed;
  if (!silent_) function(argument);
  return 0;
}
int EmulatedGpu::wait(Stream) {
  return counted();
}

int EmulatedGpu::query(Stream) {
  if (gone_ && fail_at_ != 0 && calls_ >= fail_at_) return fail_status_;
  return silent_ ? device_lost : 0;
}

int EmulatedGpu::begin_capture(Stream stream) {
  if (const int failed = counted()) return failed;
  auto& lane = static_cast<Lane&>(*static_cast<Queue*>(stream));
  if (lane.capturing) return invalid_value;
  lane.capturing = true;
  return 0;
}
int EmulatedGpu::end_capture(Stream stream, Graph* graph) {
  auto& lane = static_cast<Lane&>(*static_cast<Queue*>(stream));
  lane.capturing = false;
  auto recorded = std::exchange(lane.recorded, {});
  if (const int failed = counted()) return failed;
  *graph = new Launches(std::move(recorded));
  ++held_;
  return 0;
}
int EmulatedGpu::launch_graph(Graph graph, Stream stream) {
  if (const int failed = counted()) return failed;
  for (const Launch& launch : *static_cast<Launches*>(graph)) {
    if (const int failed = static_cast<Lane&>(*static_cast<Queue*>(stream)).run(launch))
      return failed;
  }
  return 0;
}
void EmulatedGpu::free_graph(Graph graph) {
  delete static_cast<Launches*>(graph);
  --held_;
}

int EmulatedGpu::embed(const Embed& arguments, Stream stream) {
  return launch(launch_embed, arguments, stream);
}
int EmulatedGpu::gemm(const Gemm& arguments, Stream stream) {
  return launch(launch_gemm, arguments, stream);
}
int EmulatedGpu::attention(const Attention& arguments, Stream stream) {
  return launch(launch_attention, arguments, stream);
}
int EmulatedGpu::residual_norm(const ResidualNorm& arguments, Stream stream) {
  return launch(launch_residual_norm, arguments, stream);
}
int EmulatedGpu::pool(const Pool& arguments, Stream stream) {
  return launch(launch_pool, arguments, stream);
}
int EmulatedGpu::gather_first(const GatherFirst& arguments, Stream stream) {
  return launch(launch_gather_first, arguments, stream);
}
int EmulatedGpu::score(const Score& arguments, Stream stream) {
  return launch(launch_score, arguments, stream);
}
int EmulatedGpu::merge(const Merge& arguments, Stream stream) {
  return launch(launch_merge, arguments, stream);
}
int EmulatedGpu::policy_scores(const PolicyScores& arguments, Stream stream) {
  return launch(launch_policy_scores, arguments, stream);
}
int EmulatedGpu::policy_choice(const PolicyChoice& arguments, Stream stream) {
  return launch(launch_policy_choice, arguments, stream);
}

}  // namespace troupe::cuda::emulation
