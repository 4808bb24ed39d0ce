// A smoke test in the place of a fuzzer: the door under seeded callers. The same cases on every
// machine.
#include "tests/transport/fuzz_handshake.hpp"

#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;

TEST_CASE("the door keeps its promises, whoever calls and however", "[fuzz]") {
  Random random(5);
  std::uint64_t let_in = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::vector<std::uint8_t> deeds(3 * (1 + random.below(200)));
    for (auto& byte : deeds) byte = static_cast<std::uint8_t>(random.below(256));
    // In half of them few callers do little else than what is against the rules.
    if (random.chance(0.5))
      for (std::size_t deed = 0; deed < deeds.size(); deed += 3) {
        if (random.chance(0.9)) deeds[deed] = static_cast<std::uint8_t>(4 + random.below(9));
        deeds[deed + 2] = static_cast<std::uint8_t>(deeds[deed + 2] % 4);
      }
    let_in += transport::testing::try_handshakes(deeds.data(), deeds.size());
  }
  // Far too few would mean that nothing behind the first hello was tried.
  CHECK(let_in > 3'000);
}
