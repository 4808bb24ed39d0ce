// Runs a CUDA grid on the CPU: one block after the other, each thread of a block as a fiber.
//
// Threads run until they wait for others; who goes on next is chosen by a seed, so that a kernel
// which relies on an order that CUDA does not promise gives wrong results here. Shared memory is
// filled with what is not a number before every block, and what lies around it is watched. What is
// caught:
// - barriers and warp operations that some threads never reach, or reach in different lines;
// - writes beyond shared memory (reads too, under AddressSanitizer);
// - by wrong results, and so by the tests of each kernel: barriers that are missing, shared memory
//   that is read before it is written.
// What cannot be seen: the speed, races between blocks, memory that is not aligned.
//
// A grid runs on the calling thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace troupe::cuda::emulation {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

struct Grid {
  Dim3 blocks;
  Dim3 threads;                  // of a block; together a multiple of 32, at most 1024
  std::size_t shared_bytes = 0;  // of dynamic shared memory
};

class Block;

// What grids run on; keeps the fibers from one to the next. One thread at a time.
class Machine {
 public:
  // Seed 0 lets threads go on in their order, others shuffle them.
  explicit Machine(std::uint64_t seed);
  ~Machine();

  void reseed(std::uint64_t seed);

  // Calls the function after each step that a grid makes, a thread's way from one wait to the next;
  // on the stack of whoever runs the grid, so it may do what a host does meanwhile, but run none.
  void after_steps(std::function<void()> function);

  // Runs the kernel once for each thread. Returns what it did wrong, or nothing.
  std::string run(const Grid& grid, const std::function<void()>& kernel);

 private:
  std::unique_ptr<Block> block_;
};

// The rest is for the kernel's dialect (dialect.hpp), from inside a kernel.

struct Place {
  Dim3 thread, block;
};
const Place& place();
const Grid& grid();

// __syncthreads(), at the line of the kernel's source where it stands.
void wait_for_block(int line);

// Every lane of the warp brings `bytes` (at most 32) and sees those of all others: lane i's at the
// result + 32 * i, until the warp's next but one. `once` runs for one lane only, when all are
// there, and may change what the others see.
std::byte* exchange(const void* bytes, std::size_t size, int line,
                    void (*once)(std::byte*) = nullptr);
constexpr std::size_t exchange_bytes = 32;

// An array in shared memory, the same for all threads of the block that ask from the same line of
// the same file; `line` 0 is the dynamic one, whose size the launch gave.
void* shared(std::size_t bytes, const char* file, int line);

}  // namespace troupe::cuda::emulation
