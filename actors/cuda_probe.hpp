// Looks for a GPU without linking CUDA, and says why none is used.
#pragma once

#include <string>

namespace troupe::actors {

// Costs nothing where there is no driver: only then is the plug-in (kernels/cuda) looked for,
// beside the program. This release has no CUDA device, so there is always a reason.
std::string why_no_cuda();

}  // namespace troupe::actors
