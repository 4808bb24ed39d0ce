#include "kernels/cuda/stream_end.hpp"

#include <chrono>

#include "kernels/cuda/buffer.hpp"

namespace troupe::cuda {
namespace {

// How often a stream that says nothing is asked whether it still lives.
constexpr auto silence_max = std::chrono::milliseconds(200);

}  // namespace

void StreamEnd::expect() {
  const std::scoped_lock lock(bell_.mutex);
  done_ = false;
}

void StreamEnd::reached(void* end) {
  auto& self = *static_cast<StreamEnd*>(end);
  // Told under the mutex: whoever waits may let go of this end as soon as it is seen.
  const std::scoped_lock lock(self.bell_.mutex);
  self.done_ = true;
  self.bell_.wake.notify_all();
}

Status StreamEnd::mark(Gpu& gpu, Stream stream) {
  expect();
  return check(gpu, gpu.call(&StreamEnd::reached, this, stream), "asking to be called");
}

Status StreamEnd::wait(Gpu& gpu, Stream stream, const Yield& yield) {
  for (;;) {
    bool called = false;
    {
      std::unique_lock lock(bell_.mutex);
      const auto wanted = [&] { return yield.wanted && yield.wanted(); };
      called = bell_.wake.wait_for(lock, silence_max, [&] { return done_ || wanted(); });
      if (done_) return {};
    }
    if (called) yield.give_way();
    // The driver calls nobody for a device that has gone.
    const int status = gpu.query(stream);
    if (status != 0 && status != Gpu::not_ready) return check(gpu, status, "waiting for a batch");
  }
}

}  // namespace troupe::cuda
