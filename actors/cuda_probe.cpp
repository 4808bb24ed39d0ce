#include "actors/cuda_probe.hpp"

#include <dlfcn.h>

#include <array>
#include <filesystem>
#include <memory>

namespace troupe::actors {
namespace {

struct Close {
  void operator()(void* library) const noexcept { ::dlclose(library); }
};
using Library = std::unique_ptr<void, Close>;

std::string plugin_path() {
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  return (program.parent_path() / "backend_cuda.so").string();
}

// As declared in kernels/cuda/backend.h.
using Describe = int (*)(char* text, std::size_t size);

}  // namespace

std::string why_no_cuda() {
  const Library driver(::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL));
  if (driver == nullptr) return "there is no CUDA driver on this machine (libcuda.so.1)";
  const Library plugin(::dlopen(plugin_path().c_str(), RTLD_LAZY | RTLD_LOCAL));
  if (plugin == nullptr)
    return "there is a CUDA driver, but the program was built without the CUDA plug-in";
  const auto describe = reinterpret_cast<Describe>(::dlsym(plugin.get(), "troupe_cuda_describe"));
  if (describe == nullptr) return "the CUDA plug-in is of another version";
  std::array<char, 1024> text{};
  if (describe(text.data(), text.size()) <= 0) return std::string("no GPU: ") + text.data();
  return std::string("this release runs no batches on a GPU yet; found ") + text.data();
}

}  // namespace troupe::actors
