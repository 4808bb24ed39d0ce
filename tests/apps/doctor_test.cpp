// What `troupe doctor` calculates to see whether a device calculates, and what it says of a
// machine. That it ends as it should, with files and ports of all kinds, is in doctor_test.py.
#include <string>

#include "apps/doctor/examine.hpp"
#include "apps/doctor/gpus.hpp"
#include "apps/doctor/product.hpp"
#include "kernels/cpu/select.hpp"
#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps::doctor;

namespace {

// A GPU that does all but one thing right: its product's second element.
class WrongGpu final : public cuda::emulation::EmulatedGpu {
 public:
  WrongGpu() : EmulatedGpu(1) {}
  int copy_out(void* host, const void* device, std::size_t bytes, cuda::Stream stream) override {
    const int status = EmulatedGpu::copy_out(host, device, bytes, stream);
    static_cast<float*>(host)[1] += off;
    return status;
  }

  float off = 0;
};

}  // namespace

TEST_CASE("a CPU that calculates passes, with every instruction set and in both formats") {
  for (const auto* tiles : kernels::cpu::supported_tiles()) {
    INFO(tiles->name);
    const double f32 = cpu_product_error(*tiles, kernels::Precision::f32);
    CHECK(f32 > 0);
    CHECK(f32 <= product_error_max);
    CHECK(cpu_product_error(*tiles, kernels::Precision::bf16) <= product_error_max);
  }
}

TEST_CASE("a table of kernels that forgets the bias does not pass") {
  static const kernels::cpu::Tiles& good = *kernels::cpu::supported_tiles().front();
  kernels::cpu::Tiles bad = good;
  bad.gemm = [](const kernels::cpu::GemmTile& tile) {
    auto without = tile;
    without.bias = nullptr;
    good.gemm(without);
  };
  CHECK_FALSE(cpu_product_error(bad, kernels::Precision::f32) <= product_error_max);
}

TEST_CASE("a GPU's product is right in both formats, and nothing of the GPU is kept") {
  for (const auto number : {cuda::Number::f16, cuda::Number::f32}) {
    cuda::emulation::EmulatedGpu gpu(1);
    const auto error = gpu_product_error(gpu, number);
    REQUIRE(error);
    CHECK(*error <= product_error_max);
    CHECK(gpu.held() == 0);
    CHECK(gpu.fault().empty());
  }
}

TEST_CASE("one element that is off, or no number, is seen") {
  for (const float off : {0.01F, std::numeric_limits<float>::quiet_NaN()}) {
    WrongGpu gpu;
    gpu.off = off;
    const auto error = gpu_product_error(gpu, cuda::Number::f16);
    REQUIRE(error);
    CHECK_FALSE(*error <= product_error_max);
  }
}

TEST_CASE("a GPU that fails at any call is an error with its words, and nothing of it is kept") {
  cuda::emulation::EmulatedGpu counting(1);
  REQUIRE(gpu_product_error(counting, cuda::Number::f16));
  REQUIRE(counting.calls() > 10);
  for (std::uint64_t call = 1; call <= counting.calls(); ++call) {
    INFO("call " << call);
    cuda::emulation::EmulatedGpu gpu(1);
    gpu.fail_at(call, 2, false);
    const auto error = gpu_product_error(gpu, cuda::Number::f16);
    REQUIRE_FALSE(error);
    CHECK(error.error().code == ErrorCode::unreachable);
    CHECK(error.error().what.find("CUDA error 2") != std::string::npos);
    CHECK(gpu.held() == 0);
  }
}

TEST_CASE("every finding says something, and what is not good says what to do") {
  Findings findings;
  examine_machine(nullptr, {}, findings);
  examine_devices({"cpu", "auto", "cuda:63"}, findings);
  REQUIRE(findings.size() >= 7);
  for (const auto& finding : findings) {
    INFO(finding.about);
    CHECK_FALSE(finding.says.empty());
    CHECK((finding.verdict == Verdict::good || !finding.next_step.empty()));
  }
  CHECK(findings.back().about == "device cuda:63");
  CHECK(findings.back().verdict == Verdict::wrong);
}

TEST_CASE("versions of CUDA are numbers of one text") {
  CHECK(cuda_version_text(13000) == "13.0");
  CHECK(cuda_version_text(12080) == "12.8");
}
