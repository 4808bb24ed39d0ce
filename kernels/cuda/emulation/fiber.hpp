// A fiber: a stack of its own that runs until it hands the processor back. CUDA threads become
// fibers when a kernel runs on the CPU, for they must be able to stop in the middle of a function
// and wait for the others of their block.
//
// A fiber belongs to the thread that runs it. Its function may end or never be run again; what lies
// on an abandoned stack is not destroyed. AddressSanitizer is told of every switch, so it knows
// whose stack it looks at.
#pragma once

#include <cstddef>
#include <memory>

namespace troupe::cuda::emulation {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Takes a function to run from its beginning; whatever ran here before is abandoned.
  void start(void (*function)(void*), void* argument);

  // Runs the fiber until it calls leave() or its function ends. Not after the latter.
  void enter();

  // From inside: back to whoever called enter().
  void leave();

  [[nodiscard]] bool ended() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::cuda::emulation
