#include "apps/doctor/gpus.hpp"

#include <dlfcn.h>

#include <array>
#include <fstream>
#include <sstream>

namespace troupe::apps::doctor {
namespace {

constexpr int gpus_max = 64;

// The driver's interface for C, as far as it is asked here. Numbers and signatures are those of the
// CUDA driver API, which has kept them since its fourth version.
struct Driver {
  using Status = int;
  Status (*init)(unsigned flags) = nullptr;
  Status (*driver_version)(int* version) = nullptr;
  Status (*device_count)(int* count) = nullptr;
  Status (*device)(int* device, int ordinal) = nullptr;
  Status (*device_name)(char* name, int bytes, int device) = nullptr;
  Status (*device_memory)(std::size_t* bytes, int device) = nullptr;
  Status (*device_attribute)(int* value, int attribute, int device) = nullptr;
  Status (*error_text)(Status status, const char** text) = nullptr;

  static constexpr int capability_major = 75;
  static constexpr int capability_minor = 76;

  bool load(void* library) {
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(library, name));
      return function != nullptr;
    };
    return find(init, "cuInit") && find(driver_version, "cuDriverGetVersion") &&
           find(device_count, "cuDeviceGetCount") && find(device, "cuDeviceGet") &&
           find(device_name, "cuDeviceGetName") && find(device_memory, "cuDeviceTotalMem_v2") &&
           find(device_attribute, "cuDeviceGetAttribute") && find(error_text, "cuGetErrorString");
  }

  [[nodiscard]] std::string words(Status status) const {
    const char* text = nullptr;
    if (error_text(status, &text) != 0 || text == nullptr) text = "an error without words";
    return std::string(text) + " (CUDA error " + std::to_string(status) + ")";
  }
};

// "NVRM version: NVIDIA UNIX ... Kernel Module  580.65.06  Release Build": the first word of it
// that is a number with points.
std::string module_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line);
  for (std::string word; words >> word;)
    if (word.find('.') != std::string::npos &&
        word.find_first_not_of("0123456789.") == std::string::npos)
      return word;
  return "";
}

GpuFacts describe(const Driver& driver, int number, std::string& why) {
  GpuFacts gpu;
  gpu.number = number;
  int device = 0;
  std::array<char, 256> name{};
  std::size_t bytes = 0;
  auto status = driver.device(&device, number);
  if (status == 0) status = driver.device_name(name.data(), static_cast<int>(name.size()), device);
  if (status == 0) status = driver.device_memory(&bytes, device);
  if (status == 0) status = driver.device_attribute(&gpu.major, Driver::capability_major, device);
  if (status == 0) status = driver.device_attribute(&gpu.minor, Driver::capability_minor, device);
  if (status != 0) why = "GPU " + std::to_string(number) + ": " + driver.words(status);
  name.back() = '\0';
  gpu.name = name.data();
  gpu.memory_bytes = bytes;
  return gpu;
}

}  // namespace

DriverFacts ask_driver() {
  DriverFacts facts;
  facts.version = module_version();
  void* const library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    facts.why = facts.version.empty()
                    ? "there is no CUDA driver on this machine (libcuda.so.1)"
                    : "the kernel has NVIDIA's driver, but its library libcuda.so.1 is not found";
    return facts;
  }
  facts.found = true;
  Driver driver;
  if (!driver.load(library)) {
    facts.why = "libcuda.so.1 lacks functions that every driver since CUDA 6 has";
    return facts;
  }
  if (const auto status = driver.init(0); status != 0) {
    facts.why = "the driver does not start: " + driver.words(status);
    return facts;
  }
  if (driver.driver_version(&facts.cuda_version) != 0) facts.cuda_version = 0;
  int count = 0;
  if (const auto status = driver.device_count(&count); status != 0)
    facts.why = "the driver cannot count its GPUs: " + driver.words(status);
  else if (count <= 0)
    facts.why = "the driver has no GPU";
  for (int number = 0; number < count && number < gpus_max; ++number)
    facts.gpus.push_back(describe(driver, number, facts.why));
  return facts;
}

std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace troupe::apps::doctor
