// Large products by cuBLAS, as the emulated GPU has it: where they are used, what they are planned
// for, and what a device does that has none.
#include <cmath>

#include "kernels/cuda/cuda_device.hpp"
#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "kernels/cuda/encoder.hpp"
#include "kernels/ref/bert.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/device_report.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;
using cuda::Number;
using cuda::emulation::EmulatedGpu;

namespace {

BertConfig tiny() {
  auto config = odd_config();
  config.layers = 1;
  return config;
}

CudaDeviceOptions options_for(const std::shared_ptr<EmulatedGpu>& gpu, Number number,
                              Products products) {
  CudaDeviceOptions options;
  options.description = "a GPU";
  options.models = {random_bert(tiny(), 1)};
  options.number = number;
  options.products = products;
  options.open = [gpu]() -> Result<std::shared_ptr<cuda::Gpu>> {
    return std::shared_ptr<cuda::Gpu>(gpu);
  };
  return options;
}

std::shared_ptr<EmulatedGpu> gpu_with_blas() {
  auto gpu = std::make_shared<EmulatedGpu>(1);
  gpu->set_blas("");
  return gpu;
}

double distance(const BertModel& model, const std::vector<std::int32_t>& text,
                const std::vector<float>& vector) {
  const auto expected = ref::encode(model, text);
  double squares = 0;
  for (std::size_t i = 0; i < vector.size(); ++i)
    squares += std::pow(expected[i] - static_cast<double>(vector[i]), 2);
  return std::sqrt(squares);
}

}  // namespace

TEST_CASE("with cuBLAS large batches are right, and small ones what they were") {
  const auto texts = random_texts(tiny(), 30, 2);  // some 570 tokens
  const auto model = random_bert(tiny(), 1);
  for (const auto number : {Number::f16, Number::f32}) {
    const auto gpu = gpu_with_blas();
    const auto device = opened(open_cuda_device(options_for(gpu, number, Products::cublas)));
    CHECK(device->info().description == "a GPU");
    // Four products of the only layer, in the graphs of 256, 512, 1024 and 2048 tokens, each once
    // in every slot: two of the ordinary lane, one of the urgent.
    CHECK(gpu->products() == 4 * 4 * 3);
    CHECK(gpu->plans() == 4 * 4);
    const auto asked = gpu->plans_asked();

    const auto large = vectors_of(run(*device, encode_batch(1, texts)));
    for (std::size_t i = 0; i < texts.size(); i += 3)
      CHECK(distance(*model, texts[i], large[i]) < (number == Number::f16 ? 4e-3 : 2e-6));
    // Whoever is beside a text in a batch of that size.
    auto turned = texts;
    std::swap(turned.front(), turned.back());
    const auto again = vectors_of(run(*device, encode_batch(2, turned)));
    CHECK(again.front() == large.back());
    CHECK(again[3] == large[3]);

    const auto own = opened(
        open_cuda_device(options_for(std::make_shared<EmulatedGpu>(1), number, Products::own)));
    const Texts few = {texts[0], texts[1]};
    CHECK(vectors_of(run(*device, encode_batch(3, few))) ==
          vectors_of(run(*own, encode_batch(3, few))));
    // Nothing is planned or captured for a batch.
    CHECK(gpu->plans_asked() == asked);
    CHECK(gpu->products() == 4 * 4 * 3);
    device->stop();
    CHECK(gpu->held() == 0);
  }
}

TEST_CASE("without cuBLAS a device says so and multiplies by itself") {
  const auto texts = random_texts(tiny(), 20, 3);
  const auto gpu = std::make_shared<EmulatedGpu>(1);
  gpu->set_blas("cuBLAS cannot be opened: no such file");
  const auto device = opened(open_cuda_device(options_for(gpu, Number::f16, Products::cublas)));
  CHECK(device->info().description ==
        "a GPU; without cuBLAS: cuBLAS cannot be opened: no such file");
  CHECK(gpu->products() == 0);
  CHECK(gpu->plans_asked() == 0);
  const auto own =
      opened(open_cuda_device(options_for(gpu_with_blas(), Number::f16, Products::own)));
  CHECK(vectors_of(run(*device, encode_batch(1, texts))) ==
        vectors_of(run(*own, encode_batch(1, texts))));
}

TEST_CASE("resumable batches multiply by themselves, for cuBLAS gives way to nobody") {
  const auto gpu = gpu_with_blas();
  auto options = options_for(gpu, Number::f32, Products::cublas);
  options.bulk = BulkMethod::resumable;
  const auto device = opened(open_cuda_device(std::move(options)));
  CHECK(gpu->products() == 4 * 4);  // the urgent lane's
  CHECK(run(*device, encode_batch(1, random_texts(tiny(), 20, 3))).results[0].output);
}

TEST_CASE("a product that was not planned is an error, and so is a plan without cuBLAS") {
  EmulatedGpu gpu(0);
  const cuda::ProductShape shape{Number::f32, Number::f32, 64, 64, 256};
  CHECK(gpu.plan_product(shape) != 0);
  gpu.set_blas("");
  CHECK(gpu.open_blas() == nullptr);
  cuda::Stream stream = nullptr;
  REQUIRE(gpu.make_stream(false, &stream) == 0);
  CHECK(gpu.product({shape, nullptr, nullptr, nullptr, nullptr}, stream) != 0);
  CHECK(gpu.plan_product(shape) == 0);
  gpu.free_stream(stream);
}

TEST_CASE("whichever call fails while a slot with cuBLAS opens, it says so and keeps nothing") {
  constexpr int blas_failed = 100013;
  std::uint64_t calls = 1;
  for (std::uint64_t call = 0; call <= calls; ++call) {  // the first time none
    EmulatedGpu gpu(0);
    gpu.set_blas("");
    REQUIRE(gpu.open_blas() == nullptr);
    cuda::Stream stream = nullptr;
    REQUIRE(gpu.make_stream(false, &stream) == 0);
    {
      const auto encoder = cuda::Encoder::open(gpu, stream, random_bert(tiny(), 1), Number::f16);
      REQUIRE(encoder);
      const auto before = gpu.calls();
      if (call > 0) gpu.fail_at(before + call, blas_failed, false);
      const auto slot = cuda::EncoderSlot::open(gpu, stream, *encoder, nullptr, true);
      INFO("call " << call << " of " << calls);
      CHECK(slot.has_value() == (call == 0));
      if (call == 0)
        calls = gpu.calls() - before;
      else
        CHECK(slot.error().code == ErrorCode::unreachable);
    }
    gpu.free_stream(stream);
    CHECK(gpu.held() == 0);
  }
  CHECK(calls > 60);
}
