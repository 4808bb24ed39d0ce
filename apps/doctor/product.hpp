// A product of two small matrices, computed by a device and compared with float64: what tells a
// device that is there from one that calculates.
//
// The sizes are no multiples of what kernels step by, where a device allows it, so that the ends of
// rows and columns are in it too. The numbers are drawn with a fixed seed.
#pragma once

#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/cpu/tiles.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::apps::doctor {

// The largest error of an element, as a share of the sum of its parts' sizes. The parts are those
// of the numbers as the device's format rounds them, so what is left is the error of the additions.
inline constexpr double product_error_max = 1e-5;

// "65 x 130 x 97", as the CPU's; "64 x 192 x 128", as a GPU's.
std::string cpu_product_size();
std::string gpu_product_size();

// Return that error; infinity where an element is no number at all.
double cpu_product_error(const kernels::cpu::Tiles& tiles, kernels::Precision precision);

// On the thread that opened the GPU; gives back what it takes. Errors: unreachable, with the call
// that failed and CUDA's words for it.
Result<double> gpu_product_error(cuda::Gpu& gpu, cuda::Number number);

}  // namespace troupe::apps::doctor
