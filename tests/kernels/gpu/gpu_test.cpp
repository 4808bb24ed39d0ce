// The CUDA device on a real GPU, held to the CPU device. tools/gpu-test runs it, under
// compute-sanitizer too; those marked [small] are few enough launches for that.
#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "kernels/cpu/cpu_device.hpp"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/cuda_device.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/device_report.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;

namespace {

// TROUPE_CUDA_PLUGIN, or what lies beside this program.
std::string plugin_path() {
  if (const char* given = std::getenv("TROUPE_CUDA_PLUGIN")) return given;
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  return (program.parent_path() / "backend_cuda.so").string();
}

Result<std::shared_ptr<cuda::Gpu>> open_first_gpu() {
  const auto failed = [](std::string why) {
    return Error{ErrorCode::unsupported, std::move(why), "run troupe doctor"};
  };
  void* const plugin = ::dlopen(plugin_path().c_str(), RTLD_NOW | RTLD_LOCAL);  // for good
  if (plugin == nullptr) return failed(::dlerror());
  const auto open =
      reinterpret_cast<decltype(&troupe_cuda_open)>(::dlsym(plugin, "troupe_cuda_open"));
  const auto close =
      reinterpret_cast<decltype(&troupe_cuda_close)>(::dlsym(plugin, "troupe_cuda_close"));
  if (open == nullptr || close == nullptr) return failed("a plug-in of another version");
  int status = 0;
  cuda::Gpu* const gpu = open(0, &status);
  if (gpu == nullptr) return failed("CUDA error " + std::to_string(status));
  return std::shared_ptr<cuda::Gpu>(gpu, close);
}

std::unique_ptr<Device> open_gpu_device(const BertConfig& config, cuda::Number number) {
  CudaDeviceOptions options;
  options.models = {random_bert(config, 1)};
  options.number = number;
  options.open = open_first_gpu;
  return opened(open_cuda_device(std::move(options)));
}

std::unique_ptr<Device> open_cpu(const BertConfig& config) {
  CpuDeviceOptions options;
  options.models = {random_bert(config, 1)};
  return opened(open_cpu_device(std::move(options)));
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    squares += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return std::sqrt(squares);
}

void check_against_cpu(const BertConfig& config, std::size_t count, cuda::Number number,
                       double most) {
  const auto gpu = open_gpu_device(config, number);
  const auto cpu = open_cpu(config);
  const auto texts = random_texts(config, count, 2);
  const auto found = vectors_of(run(*gpu, encode_batch(1, texts)));
  const auto expected = vectors_of(run(*cpu, encode_batch(1, texts)));
  REQUIRE(found.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO("text " << i << " of " << texts[i].size() << " tokens");
    CHECK(distance(found[i], expected[i]) <= most);  // of a NaN it is not
  }
}

}  // namespace

TEST_CASE("a GPU's vectors are the CPU's, in half precision", "[small]") {
  check_against_cpu(small_config(1), 8, cuda::Number::f16, 3e-3);
}

TEST_CASE("a GPU's vectors are the CPU's, in single precision", "[small]") {
  check_against_cpu(small_config(1), 8, cuda::Number::f32, 2e-5);
}

TEST_CASE("sizes that fit no tile are the CPU's, too", "[small]") {
  check_against_cpu(odd_config(), 8, cuda::Number::f16, 3e-3);
}

TEST_CASE("a large batch of a model as deep as MiniLM is the CPU's") {
  check_against_cpu(small_config(6), 200, cuda::Number::f16, 5e-3);
  check_against_cpu(small_config(6), 200, cuda::Number::f32, 2e-5);
}

TEST_CASE("on a GPU a text's vector is bitwise the same whatever shares its batch") {
  const auto gpu = open_gpu_device(small_config(2), cuda::Number::f16);
  const auto texts = random_texts(small_config(2), 150, 3);
  const auto together = vectors_of(run(*gpu, encode_batch(1, texts)));
  for (std::size_t i = 0; i < texts.size(); i += 11)
    CHECK(together[i] == vectors_of(run(*gpu, encode_batch(2, {texts[i]}))).front());
}

TEST_CASE("urgent work beside a running batch changes no bit of either", "[small]") {
  const auto gpu = open_gpu_device(small_config(1), cuda::Number::f16);
  const auto long_texts = random_texts(small_config(1), 60, 5);
  const Texts short_texts = {{1, 2, 3}, {4}};
  const auto expected_long = vectors_of(run(*gpu, encode_batch(1, long_texts)));
  const auto expected_short = vectors_of(run(*gpu, encode_batch(2, short_texts)));
  for (int round = 0; round < 5; ++round) {
    Report running;
    REQUIRE(gpu->submit(encode_batch(1, long_texts), running.completion()));
    Report urgent;
    REQUIRE(gpu->submit_urgent(encode_batch(2, short_texts), urgent.completion()));
    CHECK(vectors_of(urgent.wait()) == expected_short);
    CHECK(vectors_of(running.wait()) == expected_long);
  }
}
