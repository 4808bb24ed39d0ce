#include "actors/cuda_probe.hpp"

#include <dlfcn.h>

#include <array>
#include <filesystem>
#include <memory>

#include "kernels/cuda/backend.h"

namespace troupe::actors {
namespace {

struct Close {
  void operator()(void* library) const noexcept { ::dlclose(library); }
};
using Library = std::unique_ptr<void, Close>;

struct Plugin {
  Library driver;
  Library library;
};

Result<Plugin> load() {
  const auto missing = [](const std::string& why) {
    return Error{ErrorCode::unsupported, why, "use \"cpu\" or \"auto\""};
  };
  Plugin plugin;
  plugin.driver.reset(::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL));
  if (plugin.driver == nullptr)
    return missing("there is no CUDA driver on this machine (libcuda.so.1)");
  plugin.library.reset(::dlopen(cuda_plugin_path().c_str(), RTLD_LAZY | RTLD_LOCAL));
  if (plugin.library == nullptr)
    return missing("there is a CUDA driver, but the program was built without the CUDA plug-in");
  return plugin;
}

// As declared in kernels/cuda/backend.h; null in a plug-in of another version.
template <class Function>
Function* find(const Plugin& plugin, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(plugin.library.get(), name));
}

}  // namespace

std::string cuda_plugin_path() {
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  return (program.parent_path() / "backend_cuda.so").string();
}

std::string why_no_cuda() {
  const auto plugin = load();
  if (!plugin) return plugin.error().what;
  auto* const describe = find<decltype(troupe_cuda_describe)>(*plugin, "troupe_cuda_describe");
  if (describe == nullptr) return "the CUDA plug-in is of another version";
  std::array<char, 1024> text{};
  if (describe(text.data(), text.size()) <= 0) return std::string("no GPU: ") + text.data();
  return std::string("a GPU is used only where the config names it (\"cuda:0\"); found ") +
         text.data();
}

Result<std::shared_ptr<cuda::Gpu>> open_gpu(int number) {
  auto plugin = load();
  if (!plugin) return plugin.error();
  auto* const open = find<decltype(troupe_cuda_open)>(*plugin, "troupe_cuda_open");
  auto* const close = find<decltype(troupe_cuda_close)>(*plugin, "troupe_cuda_close");
  const auto failed = [&](const std::string& why) {
    return Error{ErrorCode::unsupported, "GPU " + std::to_string(number) + ": " + why,
                 "use \"cpu\" or \"auto\""};
  };
  if (open == nullptr || close == nullptr) return failed("the CUDA plug-in is of another version");
  int status = 0;
  cuda::Gpu* const gpu = open(number, &status);
  if (gpu == nullptr)
    return failed("it cannot be opened (CUDA error " + std::to_string(status) + ")");
  // CUDA keeps threads of its own, which need its code until the process ends.
  (void)plugin->driver.release();
  (void)plugin->library.release();
  return std::shared_ptr<cuda::Gpu>(gpu, close);
}

}  // namespace troupe::actors
