#include "kernels/cpu/select.hpp"

#include <string>

namespace troupe::kernels::cpu {

std::vector<const Tiles*> supported_tiles() {
  std::vector<const Tiles*> tiles;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx512 && __builtin_cpu_supports("avx512bf16")) tiles.push_back(&avx512bf16_tiles);
  if (avx512) tiles.push_back(&avx512_tiles);
  if (avx2) tiles.push_back(&avx2_tiles);
#endif
  tiles.push_back(&generic_tiles);
  return tiles;
}

Result<const Tiles*> find_tiles(std::string_view name) {
  const auto supported = supported_tiles();
  if (name.empty()) return supported.front();
  std::string names;
  for (const Tiles* tiles : supported) {
    if (name == tiles->name) return tiles;
    names += names.empty() ? "" : ", ";
    names += tiles->name;
  }
  return Error{
      ErrorCode::unsupported,
      "this machine or build has no instructions '" + std::string(name.substr(0, 32)) + "'",
      "leave the choice open or use one of: " + names};
}

}  // namespace troupe::kernels::cpu
