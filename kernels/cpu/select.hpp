// Which instruction sets this machine can run (kernels/cpu/tiles.hpp).
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::kernels::cpu {

// What this build has and this machine runs, fastest first; the generic one is always among them.
std::vector<const Tiles*> supported_tiles();

// The fastest for an empty name, else the one of that name ("generic", "avx2", "avx512",
// "avx512bf16"). Errors: unsupported, with the names there are.
Result<const Tiles*> find_tiles(std::string_view name);

}  // namespace troupe::kernels::cpu
