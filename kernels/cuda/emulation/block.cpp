#include "kernels/cuda/emulation/block.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"
#include "kernels/cuda/emulation/fiber.hpp"
#include "kernels/cuda/emulation/shared_memory.hpp"

namespace troupe::cuda::emulation {
namespace {

constexpr unsigned lanes = 32;
constexpr std::size_t threads_max = 1024;  // of a block

struct Thread {
  Fiber fiber;
  Place place;
  unsigned number = 0;
  Block* block = nullptr;
};

// Whoever arrives waits until all are there.
struct Barrier {
  std::vector<Thread*> waiting;
  int line = 0;
};

struct Warp {
  Barrier barrier;
  std::array<std::array<std::byte, lanes * exchange_bytes>, 2> slots;
  unsigned turn = 0;
  unsigned left = 0;  // lanes whose kernel has ended

  void start() {
    barrier.waiting.clear();
    left = 0;
  }
};

}  // namespace

class Block {
 public:
  explicit Block(std::uint64_t seed) { reseed(seed); }

  void reseed(std::uint64_t seed) {
    random_ = Random(seed);
    shuffled_ = seed != 0;
  }
  void after_steps(std::function<void()> function) { after_step_ = std::move(function); }
  std::string run(const Grid& grid, const std::function<void()>& kernel);
  void wait_for_block(int line);
  std::byte* exchange(const void* bytes, std::size_t size, int line, void (*once)(std::byte*));
  void* shared(std::size_t bytes, const char* file, int line) {
    return shared_.find(line == 0 ? grid_->shared_bytes : bytes, file, line);
  }
  [[nodiscard]] const Grid& grid() const { return *grid_; }

  static thread_local Thread* current;

 private:
  std::string run_block(Dim3 index);
  void start_threads(Dim3 index);
  Thread* take_ready();
  void wait(Barrier& barrier, std::size_t needed, int line);
  void release(Barrier& barrier);
  [[nodiscard]] std::string stuck() const;

  std::function<void()> after_step_;
  Random random_{0};
  bool shuffled_ = false;
  const Grid* grid_ = nullptr;                     // of the running one
  const std::function<void()>* kernel_ = nullptr;  // likewise
  std::deque<Thread> threads_;
  std::vector<Warp> warps_;
  Barrier barrier_;
  std::vector<Thread*> ready_;
  std::size_t running_ = 0;  // threads whose kernel has not ended
  SharedMemory shared_;
  std::string fault_;
};

thread_local Thread* Block::current = nullptr;

std::string Block::run(const Grid& grid, const std::function<void()>& kernel) {
  const std::size_t threads = std::size_t{grid.threads.x} * grid.threads.y * grid.threads.z;
  if (threads == 0 || threads > threads_max || threads % lanes != 0)
    return "a block of " + std::to_string(threads) + " threads";
  grid_ = &grid;
  kernel_ = &kernel;
  running_ = threads;
  while (threads_.size() < threads) threads_.emplace_back();
  std::string fault;
  for (unsigned z = 0; z < grid.blocks.z && fault.empty(); ++z) {
    for (unsigned y = 0; y < grid.blocks.y && fault.empty(); ++y) {
      for (unsigned x = 0; x < grid.blocks.x && fault.empty(); ++x) {
        running_ = threads;
        fault = run_block({x, y, z});
      }
    }
  }
  shared_.clear();
  return fault;
}

void Block::start_threads(Dim3 index) {
  const Dim3 size = grid_->threads;
  for (unsigned number = 0; number < running_; ++number) {
    Thread& thread = threads_[number];
    thread.place.thread = {number % size.x, number / size.x % size.y, number / size.x / size.y};
    thread.place.block = index;
    thread.number = number;
    thread.block = this;
    thread.fiber.start([](void* self) { (*static_cast<Thread*>(self)->block->kernel_)(); },
                       &thread);
    ready_.push_back(&thread);
  }
  std::reverse(ready_.begin(), ready_.end());  // they are taken from the end
}

std::string Block::run_block(Dim3 index) {
  warps_.resize(running_ / lanes);
  for (Warp& warp : warps_) warp.start();
  barrier_.waiting.clear();
  shared_.clear();
  ready_.clear();
  fault_.clear();
  start_threads(index);
  while (running_ > 0 && fault_.empty()) {
    if (ready_.empty()) return stuck();
    current = take_ready();
    current->fiber.enter();
    if (after_step_) after_step_();
    if (!current->fiber.ended()) continue;
    --running_;
    ++warps_[current->number / lanes].left;
    // Threads that have ended are not waited for.
    if (running_ > 0 && barrier_.waiting.size() == running_) release(barrier_);
  }
  if (!fault_.empty()) return fault_;
  return shared_.overrun();
}

Thread* Block::take_ready() {
  if (shuffled_) std::swap(ready_[random_.below(ready_.size())], ready_.back());
  Thread* const thread = ready_.back();
  ready_.pop_back();
  return thread;
}

void Block::wait(Barrier& barrier, std::size_t needed, int line) {
  Thread* const self = current;
  if (!barrier.waiting.empty() && barrier.line != line)
    fault_ = "threads wait for each other at lines " + std::to_string(barrier.line) + " and " +
             std::to_string(line);
  barrier.line = line;
  if (barrier.waiting.size() + 1 == needed) {
    release(barrier);
    return;
  }
  barrier.waiting.push_back(self);
  self->fiber.leave();
}

void Block::release(Barrier& barrier) {
  ready_.insert(ready_.end(), barrier.waiting.rbegin(), barrier.waiting.rend());
  barrier.waiting.clear();
}

void Block::wait_for_block(int line) {
  wait(barrier_, running_, line);
}

std::byte* Block::exchange(const void* bytes, std::size_t size, int line,
                           void (*once)(std::byte*)) {
  TROUPE_ASSERT(size <= exchange_bytes, "a lane brings more than there is room for");
  Warp& warp = warps_[current->number / lanes];
  std::byte* const slots = warp.slots[warp.turn].data();
  if (warp.left > 0)
    fault_ = "a warp operation at line " + std::to_string(line) + " that some lanes have missed";
  if (size > 0)
    std::memcpy(slots + std::size_t{current->number % lanes} * exchange_bytes, bytes, size);
  if (warp.barrier.waiting.size() + 1 == lanes) {
    // The other half is written next. Nobody reads it any more: all are here.
    warp.turn ^= 1U;
    if (once != nullptr) once(slots);
  }
  wait(warp.barrier, lanes, line);
  return slots;
}

std::string Block::stuck() const {
  std::string text = "threads wait for others that never come:";
  if (!barrier_.waiting.empty())
    text += " " + std::to_string(barrier_.waiting.size()) + " of " + std::to_string(running_) +
            " at the barrier of line " + std::to_string(barrier_.line);
  for (const Warp& warp : warps_) {
    if (!warp.barrier.waiting.empty())
      text += ", " + std::to_string(warp.barrier.waiting.size()) +
              " lanes at the warp operation of line " + std::to_string(warp.barrier.line);
  }
  return text;
}

Machine::Machine(std::uint64_t seed) : block_(std::make_unique<Block>(seed)) {}
Machine::~Machine() = default;

void Machine::reseed(std::uint64_t seed) {
  block_->reseed(seed);
}

void Machine::after_steps(std::function<void()> function) {
  block_->after_steps(std::move(function));
}

std::string Machine::run(const Grid& grid, const std::function<void()>& kernel) {
  return block_->run(grid, kernel);
}

const Place& place() {
  return Block::current->place;
}
const Grid& grid() {
  return Block::current->block->grid();
}
void wait_for_block(int line) {
  Block::current->block->wait_for_block(line);
}
std::byte* exchange(const void* bytes, std::size_t size, int line, void (*once)(std::byte*)) {
  return Block::current->block->exchange(bytes, size, line, once);
}
void* shared(std::size_t bytes, const char* file, int line) {
  return Block::current->block->shared(bytes, file, line);
}

}  // namespace troupe::cuda::emulation
