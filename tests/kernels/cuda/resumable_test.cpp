// Ordinary batches whose kernels give way between two tiles: wherever that happens, the urgent
// batch runs inside them, and what comes out is bitwise what it would have been.
#include <algorithm>

#include "kernels/cuda/cuda_device.hpp"
#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "kernels/cuda/encoder.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/conformance.hpp"
#include "tests/kernels/device_report.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;
using cuda::Number;
using cuda::emulation::EmulatedGpu;

namespace {

BertConfig tiny(std::uint32_t layers = 2) {
  auto config = odd_config();
  config.layers = layers;
  config.labels = 3;
  return config;
}

CudaDeviceOptions options_for(const std::shared_ptr<EmulatedGpu>& gpu, Number number,
                              BulkMethod bulk) {
  CudaDeviceOptions options;
  options.models = {random_bert(tiny(1), 1)};
  options.number = number;
  options.bulk = bulk;
  options.open = [gpu]() -> Result<std::shared_ptr<cuda::Gpu>> {
    return std::shared_ptr<cuda::Gpu>(gpu);
  };
  return options;
}

// Every second text is classified.
Batch mixed_batch(std::uint64_t id, const Texts& texts) {
  auto batch = encode_batch(id, texts);
  for (std::size_t i = 1; i < texts.size(); i += 2)
    std::get<Tokens>(batch.items[i].work).classify = true;
  return batch;
}

std::vector<Output> outputs_of(const BatchReport& report) {
  std::vector<Output> outputs;
  for (const auto& result : report.results) {
    if (!result.output) FAIL(result.output.error().to_string());
    outputs.push_back(*result.output);
  }
  return outputs;
}

}  // namespace

TEST_CASE("a slot that gives way at any point goes on and comes out bitwise the same") {
  for (const auto number : {Number::f16, Number::f32}) {
    EmulatedGpu gpu(2);
    cuda::Stream stream = nullptr;
    REQUIRE(gpu.make_stream(false, &stream) == 0);
    {
      const auto model = random_bert(tiny(), 3);
      const auto encoder = cuda::Encoder::open(gpu, stream, model, number);
      REQUIRE(encoder);
      std::uint32_t yield = 0;
      const auto whole = cuda::EncoderSlot::open(gpu, stream, *encoder);
      const auto slot = cuda::EncoderSlot::open(gpu, stream, *encoder, &yield);
      REQUIRE(whole);
      REQUIRE(slot);
      const Texts texts = {{5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, {1, 2}, {3, 4, 5, 6, 7}};
      const std::vector<std::span<const std::int32_t>> spans(texts.begin(), texts.end());
      const auto nothing = [](void*) {};
      REQUIRE((*whole)->start(spans, nothing, nullptr));
      CHECK((*whole)->complete());
      const auto before = gpu.steps();
      REQUIRE((*slot)->start(spans, nothing, nullptr));
      CHECK((*slot)->complete());
      const auto steps = gpu.steps() - before;
      // Kernels with nothing left to do make steps, too.
      REQUIRE((*slot)->resume(nothing, nullptr));
      const auto idle_steps = gpu.steps() - before - steps;
      REQUIRE(idle_steps < steps);

      const auto same = [&] {
        for (std::size_t i = 0; i < texts.size(); ++i) {
          const auto expected = (*whole)->vector(i);
          const auto got = (*slot)->vector(i);
          if (!std::equal(expected.begin(), expected.end(), got.begin())) return false;
          const auto scores = (*whole)->logits(i);
          if (!std::equal(scores.begin(), scores.end(), (*slot)->logits(i).begin())) return false;
        }
        return true;
      };
      CHECK(same());
      Random random(4);
      int interrupted = 0;
      for (int round = 0; round < 40; ++round) {
        // Some give way once, others again and again; for some the word is lowered while kernels
        // still leave: those behind must not start before those that gave way are done.
        const bool again = round % 3 == 0;
        const std::uint64_t up_for = round % 3 == 1 ? 1 + random.below(idle_steps / 4) : 0;
        const std::uint64_t at = 1 + random.below(steps);
        const auto lower = [&] { yield = 0; };
        const auto arm = [&](std::uint64_t step) {
          // By value: it may come due in a later round.
          gpu.after_steps(step, [&gpu, &yield, up_for, lower] {
            yield = 1;
            if (up_for > 0) gpu.after_steps(up_for, lower);
          });
        };
        yield = 0;
        arm(at);
        REQUIRE((*slot)->start(spans, nothing, nullptr));
        for (int launches = 1; !(*slot)->complete(); ++launches) {
          REQUIRE(launches < 1000);
          ++interrupted;
          yield = 0;
          if (again) arm(idle_steps + 1 + random.below(1 + (steps - idle_steps) / 4));
          REQUIRE((*slot)->resume(nothing, nullptr));
        }
        INFO("given way at " << at << " of " << steps << " steps");
        CHECK(same());
      }
      CHECK(interrupted > 30);
      // With the word up from the beginning nothing is done, however often it is launched.
      yield = 1;
      REQUIRE((*slot)->start(spans, nothing, nullptr));
      REQUIRE((*slot)->resume(nothing, nullptr));
      CHECK_FALSE((*slot)->complete());
      yield = 0;
      REQUIRE((*slot)->resume(nothing, nullptr));
      CHECK((*slot)->complete());
      CHECK(same());
    }
    gpu.free_stream(stream);
    CHECK(gpu.held() == 0);
  }
}

TEST_CASE("as every device must, a GPU with resumable batches encodes and classifies") {
  const Subject subject{[](const Holds& holds) {
                          auto options = options_for(std::make_shared<EmulatedGpu>(1), Number::f32,
                                                     BulkMethod::resumable);
                          options.models = holds.models;
                          options.policies = holds.policies;
                          options.memory = holds.memory;
                          return opened(open_cuda_device(std::move(options)));
                        },
                        2e-6, 2e-5};
  check_encoding(subject);
  check_classifying(subject);
  check_bad_items(subject);
}

TEST_CASE("urgent work enters a batch whose kernels run, and changes no bit of it") {
  const Texts texts = {{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, {1, 2}, {3, 4, 5, 6, 7}};
  const Texts short_texts = {{1, 2, 3}, {4}};
  for (const auto number : {Number::f16, Number::f32}) {
    const auto in_slices = opened(open_cuda_device(
        options_for(std::make_shared<EmulatedGpu>(0), number, BulkMethod::slices)));
    const auto expected = outputs_of(run(*in_slices, mixed_batch(1, texts)));
    const auto expected_short = outputs_of(run(*in_slices, mixed_batch(2, short_texts)));
    const auto gpu = std::make_shared<EmulatedGpu>(7);
    const auto device = opened(open_cuda_device(options_for(gpu, number, BulkMethod::resumable)));
    const auto from = gpu->steps();
    CHECK(outputs_of(run(*device, mixed_batch(1, texts))) == expected);
    const auto steps = gpu->steps() - from;

    Random random(11);
    std::uint64_t launches_more = 0;
    for (int round = 0; round < 25; ++round) {
      Report urgent;
      Report ordinary;
      std::string order;
      std::mutex mutex;  // guards order
      const auto note = [&](char who, const Completion& completion) -> Completion {
        return [&order, &mutex, who, completion](BatchReport&& report) {
          {
            const std::scoped_lock lock(mutex);
            order += who;
          }
          completion(std::move(report));
        };
      };
      const std::uint64_t at = 1 + random.below(steps - 1);
      // A kernel of the ordinary batch runs on the device's thread just then.
      gpu->after_steps(at, [&] {
        CHECK(device->submit_urgent(mixed_batch(2, short_texts), note('u', urgent.completion())));
      });
      const auto launched = gpu->graphs_launched();
      REQUIRE(device->submit(mixed_batch(1, texts), note('o', ordinary.completion())));
      INFO("urgent work at step " << at << " of " << steps);
      CHECK(outputs_of(urgent.wait()) == expected_short);
      const auto report = ordinary.wait();
      CHECK(outputs_of(report) == expected);
      launches_more += gpu->graphs_launched() - launched - 2;
      const std::scoped_lock lock(mutex);
      // In the last tiles there is nothing left that could give way.
      if (report.yields > 0) CHECK(order == "uo");
    }
    CHECK(launches_more > 20);
  }
}

TEST_CASE("whichever call fails around a batch that gave way, each batch has one clear outcome") {
  constexpr int device_lost = 46;
  const auto texts = random_texts(tiny(), 3, 8);
  std::uint64_t calls = 1;
  for (std::uint64_t call = 0; call <= calls; ++call) {  // the first time none
    const auto gpu = std::make_shared<EmulatedGpu>(0);
    const auto device =
        opened(open_cuda_device(options_for(gpu, Number::f32, BulkMethod::resumable)));
    const std::uint64_t opening = gpu->calls();
    if (call > 0) gpu->fail_at(opening + call, device_lost, true);
    Report urgent;
    Report ordinary;
    bool entered = false;
    gpu->after_steps(3000, [&] {
      entered = true;
      CHECK(device->submit_urgent(mixed_batch(2, {{1, 2}}), urgent.completion()));
    });
    REQUIRE(device->submit(mixed_batch(1, texts), ordinary.completion()));
    const auto report = ordinary.wait();
    INFO("call " << call << " of " << calls);
    if (call == 0) {
      CHECK(entered);
      outputs_of(report);
      outputs_of(urgent.wait());
      calls = gpu->calls() - opening;
      CHECK(calls > 15);
      continue;
    }
    bool failed = false;
    const auto look = [&](const BatchReport& looked_at) {
      for (const auto& result : looked_at.results) {
        if (result.output) continue;
        failed = true;
        CHECK(result.output.error().code == ErrorCode::unreachable);
      }
    };
    look(report);
    if (entered) look(urgent.wait());
    CHECK(failed);
    CHECK_FALSE(device->submit(mixed_batch(3, texts), [](BatchReport&&) {}));
    device->stop();
    CHECK(gpu->held() == 0);
  }
}
