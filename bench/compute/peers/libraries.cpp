#include <array>

#include "bench/compute/peers/product.hpp"

namespace troupe::bench::compute::peers {

std::span<const Library> libraries() {
#if defined(TROUPE_BENCH_PEERS)
  static const std::array all = {openblas, onednn};
  return all;
#else
  return {};
#endif
}

}  // namespace troupe::bench::compute::peers
