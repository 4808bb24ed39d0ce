#include "scheduler/placement.hpp"

#include <cstdint>

#include "base/assert.hpp"
#include "base/fnv1a.hpp"
#include "base/random.hpp"

namespace troupe::scheduler {
namespace {

std::uint64_t weight(std::string_view agent, std::string_view node) noexcept {
  // FNV alone leaves the high bits of short, similar names alike; SplitMix64 spreads them.
  return Random(fnv1a(node, fnv1a(agent))).next();
}

}  // namespace

std::size_t home_of(std::string_view agent, std::span<const std::string> nodes) noexcept {
  TROUPE_ASSERT(!nodes.empty(), "an agent needs at least one node to live on");
  std::size_t best = 0;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const auto challenger = weight(agent, nodes[i]);
    const auto champion = weight(agent, nodes[best]);
    // A tie, once in 2^64, goes to the smaller name, so that the order of the list never matters.
    if (challenger > champion || (challenger == champion && nodes[i] < nodes[best])) best = i;
  }
  return best;
}

}  // namespace troupe::scheduler
