// Without a GPU there is a reason to give; the plug-in, where it is built, keeps to its bounds.
#include "actors/cuda_probe.hpp"

#include <dlfcn.h>

#include <array>
#include <cstring>
#include <string>

#include "tests/catch.hpp"

TEST_CASE("there is always a reason why no GPU is used") {
  CHECK(troupe::actors::why_no_cuda().size() > 10);
}

TEST_CASE("a GPU that no machine has cannot be opened, and the error says why") {
  const auto gpu = troupe::actors::open_gpu(1000);
  REQUIRE_FALSE(gpu);
  CHECK(gpu.error().code == troupe::ErrorCode::unsupported);
  CHECK(gpu.error().what.size() > 10);
}

#ifdef TROUPE_CUDA_PLUGIN
TEST_CASE("the CUDA plug-in describes what it finds within the space it is given") {
  void* plugin = ::dlopen(TROUPE_CUDA_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(plugin != nullptr);
  const auto describe =
      reinterpret_cast<int (*)(char*, std::size_t)>(::dlsym(plugin, "troupe_cuda_describe"));
  REQUIRE(describe != nullptr);
  std::array<char, 512> text{};
  const int devices = describe(text.data(), text.size());
  CHECK((devices >= 0 || std::strlen(text.data()) > 0));
  std::array<char, 8> small{};
  small.fill('x');
  CHECK(describe(small.data(), 4) == devices);
  CHECK(std::strlen(small.data()) < 4);
  CHECK(std::string(small.data() + 4, 4) == "xxxx");
  CHECK(describe(nullptr, 0) == -1);
  ::dlclose(plugin);
}
#endif
