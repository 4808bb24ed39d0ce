// What NVIDIA's driver says of itself and of its GPUs, asked without CUDA and without the plug-in,
// so that a driver is described even where the plug-in cannot work with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::apps::doctor {

struct GpuFacts {
  int number = 0;  // of "cuda:0"
  std::string name;
  std::uint64_t memory_bytes = 0;
  int major = 0;  // of its compute capability
  int minor = 0;
};

struct DriverFacts {
  bool found = false;    // the driver's library
  std::string version;   // of the kernel's module, "580.65.06"; empty: it does not say
  int cuda_version = 0;  // the newest that it serves: 13000 is CUDA 13.0
  std::string why;       // no GPU can be had, where none can
  std::vector<GpuFacts> gpus;
};

// Takes up to a second where there is a driver. The library stays loaded.
DriverFacts ask_driver();

// "13.0" of 13000.
std::string cuda_version_text(int version);

}  // namespace troupe::apps::doctor
