// The emulation runs kernels as a GPU would, and finds the bugs that are planted in some.
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/cuda/emulation/queue.hpp"
#include "kernels/cuda/half.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/cuda/planted.hpp"

using namespace troupe::cuda;
using namespace troupe::cuda::test;
using emulation::ImmediateQueue;

namespace {

using Launcher = int (*)(const Planted&, Stream);

struct Outcome {
  int status = 0;
  std::string fault;
  float y = 0;
};

Outcome run(Launcher launcher, std::uint64_t seed, std::uint32_t count = 256) {
  std::vector<float> x(256);
  std::iota(x.begin(), x.end(), 1.0F);  // summed: 32896, exactly
  Outcome outcome;
  ImmediateQueue queue(seed);
  outcome.status = launcher({x.data(), &outcome.y, count}, &queue);
  outcome.fault = queue.fault();
  return outcome;
}

constexpr float right_sum = 32896;
constexpr std::uint64_t seeds = 20;

// Whether a child that launches it reports a fault or is ended by AddressSanitizer.
bool child_fails(Launcher launcher, std::uint32_t count) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(2);  // the sanitizer's report
    _exit(run(launcher, 1, count).status == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

}  // namespace

TEST_CASE("a kernel without a bug gives the same in every order of its threads") {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const auto outcome = run(launch_block_sum, seed);
    CHECK(outcome.status == 0);
    CHECK(outcome.fault.empty());
    CHECK(outcome.y == right_sum);
  }
}

TEST_CASE("a missing barrier gives wrong results") {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (run(launch_missing_barrier, seed).y != right_sum) ++wrong;
  }
  CHECK(wrong >= static_cast<int>(seeds) / 2);
}

TEST_CASE("shared memory that nobody wrote is not a number") {
  CHECK(std::isnan(run(launch_unwritten_shared_memory, 1).y));
}

TEST_CASE("barriers and warp operations that not all threads reach are faults") {
  for (const auto launcher :
       {launch_divergent_barrier, launch_barriers_at_two_places, launch_shuffle_in_a_branch,
        launch_shuffle_after_leaving, launch_too_much_shared_memory}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const auto outcome = run(launcher, seed);
      CHECK(outcome.status == 719);
      CHECK(outcome.fault.size() > 10);
      // A queue goes on after a fault.
      CHECK(run(launch_block_sum, seed).y == right_sum);
    }
  }
}

TEST_CASE("writes beyond shared memory are faults") {
  CHECK_FALSE(child_fails(launch_shared_overrun, 256));
  CHECK(child_fails(launch_shared_overrun, 200));
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("reads beyond shared memory are seen by the address sanitizer") {
  CHECK(child_fails(launch_shared_overrun_read, 0));
}
#endif

TEST_CASE("halves are rounded as IEEE says") {
  using troupe::cuda::Half;
  using troupe::cuda::to_float;
  using troupe::cuda::to_half;
  // Every half comes through unchanged, and so does what lies between it and the next one, halfway
  // to the even one.
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const Half half{static_cast<std::uint16_t>(bits)};
    const Half next{static_cast<std::uint16_t>(bits + 1)};
    const float low = to_float(half);
    REQUIRE(to_half(low).bits == bits);
    REQUIRE(to_half(-low).bits == (bits | 0x8000U));
    if (bits + 1 == 0x7c00) break;
    const float middle = (low + to_float(next)) / 2;
    REQUIRE(to_half(middle).bits == (bits % 2 == 0 ? half.bits : next.bits));
    REQUIRE(to_half(std::nextafter(middle, 0.0F)).bits == half.bits);
    REQUIRE(to_half(std::nextafter(middle, 1e9F)).bits == next.bits);
  }
  CHECK(to_float(Half{1}) == 0x1p-24F);
  CHECK(to_float(Half{0x7bff}) == 65504.0F);
  CHECK(to_half(65519.996F).bits == 0x7bff);
  CHECK(to_half(65520.0F).bits == 0x7c00);
  CHECK(std::isinf(to_float(Half{0xfc00})));
  CHECK(std::isnan(to_float(to_half(std::nanf("")))));
}
