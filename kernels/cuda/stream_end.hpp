// The end of what was put into a stream, and how the device's thread waits for it: on one bell that
// also rings for new work, so that urgent batches need not wait for the stream.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/result.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::cuda {

// What wakes the device's thread.
struct Bell {
  std::mutex mutex;
  std::condition_variable wake;
};

// What a batch lets in while it waits. A batch that yields to nobody has neither.
struct Yield {
  std::function<bool()> wanted;    // asked with the bell's mutex held
  std::function<void()> give_way;  // runs what waits, if something does
};

class StreamEnd {
 public:
  explicit StreamEnd(Bell& bell) : bell_(bell) {}
  StreamEnd(const StreamEnd&) = delete;
  StreamEnd& operator=(const StreamEnd&) = delete;

  // From here on there is something to wait for. It ends when reached(this) is called, which is
  // made to be given to Gpu::call().
  void expect();
  static void reached(void* end);

  // Puts the end behind what is in the stream now.
  Status mark(Gpu& gpu, Stream stream);

  // Returns when the end is reached, or the GPU is found not to get there any more (unreachable).
  // From the GPU's thread.
  Status wait(Gpu& gpu, Stream stream, const Yield& yield);

 private:
  Bell& bell_;
  bool done_ = true;  // guarded by the bell's mutex
};

}  // namespace troupe::cuda
