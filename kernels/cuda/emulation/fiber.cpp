#include "kernels/cuda/emulation/fiber.hpp"

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves what a function call must keep and takes up the other stack where it saved the same.
extern "C" void troupe_fiber_switch(void** from, void* to);
asm(R"(
.text
.globl troupe_fiber_switch
.type troupe_fiber_switch, @function
troupe_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size troupe_fiber_switch, .-troupe_fiber_switch
)");
#else
#include <ucontext.h>
#endif

namespace troupe::cuda::emulation {
namespace {

// Sanitizers make frames several times as large.
constexpr std::size_t stack_bytes = std::size_t{128} * 1024;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t run_frame_bytes_max = 4096;
#endif

// One processor's registers, as far as a switch must keep them.
struct Context {
#if defined(__x86_64__)
  void* stack = nullptr;
#else
  ucontext_t registers;
#endif
};

void switch_contexts(Context& from, Context& to) {
#if defined(__x86_64__)
  troupe_fiber_switch(&from.stack, to.stack);
#else
  swapcontext(&from.registers, &to.registers);
#endif
}

void prepare(Context& context, std::byte* stack, void (*entry)()) {
#if defined(__x86_64__)
  // As the switch leaves it: six registers and where to go on; above it the null that a caller's
  // address would be. `entry` must see the stack as after a call: 8 short of a multiple of 16.
  const auto top = (reinterpret_cast<std::uintptr_t>(stack) + stack_bytes) & ~std::uintptr_t{63};
  auto** slot = reinterpret_cast<void**>(top);
  *--slot = nullptr;
  *--slot = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--slot = nullptr;
  context.stack = slot;
#else
  getcontext(&context.registers);
  context.registers.uc_stack.ss_sp = stack;
  context.registers.uc_stack.ss_size = stack_bytes;
  context.registers.uc_link = nullptr;
  makecontext(&context.registers, entry, 0);
#endif
}

}  // namespace

struct Fiber::State {
  // Not zeroed: pages that are never touched cost nothing.
  std::unique_ptr<std::byte[]> stack{new std::byte[stack_bytes]};
  Context inside;
  Context outside;
  void (*function)(void*) = nullptr;
  void* argument = nullptr;
  bool ended = true;
  void* inside_shadow = nullptr;  // AddressSanitizer's second stack
  void* outside_shadow = nullptr;
  const void* outside_bottom = nullptr;
  std::size_t outside_bytes = 0;

  // The fiber that is about to run for the first time on this thread.
  static thread_local State* starting;

  static void run() {
    State& self = *starting;
    self.arrived_inside();
    self.function(self.argument);
    self.ended = true;
    self.depart_inside();
    switch_contexts(self.inside, self.outside);
    std::abort();  // nobody enters a fiber that has ended
  }

  void depart_outside() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&outside_shadow, stack.get(), stack_bytes);
#endif
  }
  void arrived_inside() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(inside_shadow, &outside_bottom, &outside_bytes);
#endif
  }
  void depart_inside() {
#if defined(__SANITIZE_ADDRESS__)
    // A fiber that has ended gives its second stack back.
    __sanitizer_start_switch_fiber(ended ? nullptr : &inside_shadow, outside_bottom, outside_bytes);
#endif
  }
  void arrived_outside() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(outside_shadow, nullptr, nullptr);
#endif
  }
};

thread_local Fiber::State* Fiber::State::starting = nullptr;

Fiber::Fiber() : state_(std::make_unique<State>()) {}
Fiber::~Fiber() = default;

void Fiber::start(void (*function)(void*), void* argument) {
#if defined(__SANITIZE_ADDRESS__)
  // The frames of whoever was here before: those of run(), and if it was abandoned all others.
  const std::size_t left = state_->ended ? run_frame_bytes_max : stack_bytes;
  ASAN_UNPOISON_MEMORY_REGION(state_->stack.get() + stack_bytes - left, left);
#endif
  state_->function = function;
  state_->argument = argument;
  state_->ended = false;
  state_->inside_shadow = nullptr;
  prepare(state_->inside, state_->stack.get(), &State::run);
}

void Fiber::enter() {
  State::starting = state_.get();
  state_->depart_outside();
  switch_contexts(state_->outside, state_->inside);
  state_->arrived_outside();
}

void Fiber::leave() {
  state_->depart_inside();
  switch_contexts(state_->inside, state_->outside);
  state_->arrived_inside();
}

bool Fiber::ended() const noexcept {
  return state_->ended;
}

}  // namespace troupe::cuda::emulation
