// Looks for a GPU without linking CUDA, says why none is used, and opens one that was asked for.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::actors {

// Why "auto" does not choose a GPU. Costs nothing where there is no driver: only then is the
// plug-in (kernels/cuda) looked for, beside the program. Until the CUDA device has been measured on
// a GPU there is always a reason; one that is there has to be named.
std::string why_no_cuda();

// Where the plug-in is looked for: beside the program.
std::string cuda_plugin_path();

// The plug-in's GPU of that number, for the thread that calls; the plug-in stays loaded. Errors:
// unsupported, with the reason.
Result<std::shared_ptr<cuda::Gpu>> open_gpu(int number);

}  // namespace troupe::actors
