#include "kernels/cuda/emulation/emulated_gpu.hpp"

#include <cstring>
#include <set>
#include <utility>

#include "base/assert.hpp"
#include "kernels/cuda/emulation/queue.hpp"

namespace troupe::cuda::emulation {
namespace {

// CUDA's numbers.
constexpr int invalid_value = 1;
constexpr int out_of_memory = 2;
constexpr int device_lost = 46;  // cudaErrorDevicesUnavailable
constexpr int illegal_address = 700;
constexpr int launch_failure = 719;

struct Launch {
  Grid grid;
  std::function<void()> kernel;
};

}  // namespace

// A graph.
struct EmulatedGpu::Recorded {
  std::vector<Launch> launches;
  std::set<std::uint64_t> allocations;  // that the launches' arguments point into
};

class EmulatedGpu::Lane final : public Queue {
 public:
  explicit Lane(EmulatedGpu& gpu) : gpu_(gpu) {}

  int launch(const Grid& grid, std::function<void()> kernel) override {
    if (capturing) {
      recorded.launches.push_back({grid, std::move(kernel)});
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
  Recorded recorded;

 private:
  EmulatedGpu& gpu_;
};

EmulatedGpu::EmulatedGpu(std::uint64_t seed) : machine_(std::make_unique<Machine>(seed)) {
  machine_->after_steps([this] {
    if (++steps_ != step_wanted_) return;
    const auto function = std::exchange(at_step_, nullptr);
    function();
  });
}
EmulatedGpu::~EmulatedGpu() = default;

void EmulatedGpu::fail_at(std::uint64_t call, int status, bool gone) {
  fail_at_ = call;
  fail_status_ = status;
  gone_ = gone;
}

void EmulatedGpu::after_steps(std::uint64_t steps, std::function<void()> function) {
  step_wanted_ = steps_ + steps;
  at_step_ = std::move(function);
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
    case illegal_address:
      return "a graph uses memory that was given back";
    case launch_failure:
      return fault_.empty() ? "a kernel failed" : fault_.c_str();
    default:
      return "an error of the emulation";
  }
}

int EmulatedGpu::take(std::size_t bytes, bool of_device, void** memory) {
  constexpr int rubbish = 0xff;
  *memory = ::operator new(bytes, std::align_val_t(256));
  std::memset(*memory, rubbish, bytes);
  memory_[reinterpret_cast<std::uintptr_t>(*memory)] = {bytes, of_device, ++allocations_};
  if (of_device) memory_used_ += bytes;
  ++held_;
  return 0;
}
void EmulatedGpu::give_back(void* memory) {
  const auto found = memory_.find(reinterpret_cast<std::uintptr_t>(memory));
  TROUPE_ASSERT(found != memory_.end(), "memory given back that is not the GPU's");
  if (found->second.of_device) memory_used_ -= found->second.bytes;
  memory_.erase(found);
  ::operator delete(memory, std::align_val_t(256));
  --held_;
}

void EmulatedGpu::note_pointers(Stream stream, const void* arguments, std::size_t bytes) {
  auto& lane = static_cast<Lane&>(*static_cast<Queue*>(stream));
  if (!lane.capturing) return;
  for (std::size_t at = 0; at + sizeof(std::uintptr_t) <= bytes; at += sizeof(std::uintptr_t)) {
    std::uintptr_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(arguments) + at, sizeof word);
    auto found = memory_.upper_bound(word);
    if (found == memory_.begin()) continue;
    --found;
    if (word < found->first + found->second.bytes)
      lane.recorded.allocations.insert(found->second.number);
  }
}

int EmulatedGpu::free_memory(std::size_t* bytes) {
  if (const int failed = counted()) return failed;
  *bytes = memory_max_ - memory_used_;
  return 0;
}
int EmulatedGpu::allocate(std::size_t bytes, void** memory) {
  if (const int failed = counted()) return failed;
  if (bytes > memory_max_ - memory_used_) return out_of_memory;
  return take(bytes, true, memory);
}
void EmulatedGpu::release(void* memory) {
  give_back(memory);
}
int EmulatedGpu::allocate_pinned(std::size_t bytes, void** memory) {
  const int failed = counted();
  return failed != 0 ? failed : take(bytes, false, memory);
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
  *graph = new Recorded(std::move(recorded));
  ++held_;
  return 0;
}
int EmulatedGpu::launch_graph(Graph graph, Stream stream) {
  if (const int failed = counted()) return failed;
  ++graphs_launched_;
  const auto& recorded = *static_cast<Recorded*>(graph);
  std::size_t there = 0;
  for (const auto& [place, allocation] : memory_)
    there += recorded.allocations.count(allocation.number);
  if (there < recorded.allocations.size()) return illegal_address;
  for (const Launch& launch : recorded.launches) {
    if (const int failed = static_cast<Lane&>(*static_cast<Queue*>(stream)).run(launch))
      return failed;
  }
  return 0;
}
void EmulatedGpu::free_graph(Graph graph) {
  delete static_cast<Recorded*>(graph);
  --held_;
}

const char* EmulatedGpu::open_blas() {
  blas_open_ = no_blas_.empty();
  return blas_open_ ? nullptr : no_blas_.c_str();
}
int EmulatedGpu::plan_product(const ProductShape& shape) {
  if (const int failed = counted()) return failed;
  if (!blas_open_) return invalid_value;
  ++plans_asked_;
  planned_.emplace(shape, shape.rows);
  return 0;
}
int EmulatedGpu::product(const Product& product, Stream stream) {
  if (const int failed = counted()) return failed;
  const auto planned = planned_.find(product.shape);
  if (planned == planned_.end()) return invalid_value;
  ++products_;
  note_pointers(stream, &product, sizeof product);
  const ProductShape& shape = product.shape;
  return launch_gemm({shape.number,
                      shape.result,
                      Activation::none,
                      shape.in,
                      shape.out,
                      shape.rows,
                      &planned->second,
                      product.x,
                      product.weight,
                      nullptr,
                      product.y,
                      {}},
                     stream);
}
int EmulatedGpu::bias_activation(const BiasActivation& arguments, Stream stream) {
  return launch(launch_bias_activation, arguments, stream);
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
