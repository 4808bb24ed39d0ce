// The CUDA device from the outside, on an emulated GPU: what is asked of the CPU device, and what
// becomes of batches when the GPU fails.
#include "kernels/cuda/cuda_device.hpp"

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/conformance.hpp"
#include "tests/kernels/device_report.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;
using cuda::emulation::EmulatedGpu;

namespace {

constexpr int out_of_memory = 2;  // CUDA's numbers
constexpr int device_lost = 46;

BertConfig tiny() {
  auto config = odd_config();
  config.layers = 1;
  return config;
}

CudaDeviceOptions options_for(std::shared_ptr<EmulatedGpu> gpu) {
  CudaDeviceOptions options;
  options.models = {random_bert(tiny(), 1)};
  options.open = [gpu = std::move(gpu)]() -> Result<std::shared_ptr<cuda::Gpu>> {
    return std::shared_ptr<cuda::Gpu>(gpu);
  };
  return options;
}

std::unique_ptr<Device> open(CudaDeviceOptions options) {
  return opened(open_cuda_device(std::move(options)));
}

std::unique_ptr<Device> open_tiny() {
  return open(options_for(std::make_shared<EmulatedGpu>(1)));
}

Texts random_texts(std::size_t count, std::uint64_t seed) {
  return test::random_texts(tiny(), count, seed);
}

Subject subject(cuda::Number number) {
  const bool half = number == cuda::Number::f16;
  return {[number](const Holds& holds) {
            auto options = options_for(std::make_shared<EmulatedGpu>(1));
            options.models = holds.models;
            options.policies = holds.policies;
            options.memory = holds.memory;
            options.number = number;
            return open(std::move(options));
          },
          half ? 3e-3 : 2e-6, half ? 6e-3 : 2e-5};
}

// What depends on the precision of models, and what does not.
void on_both_numbers(void (*check)(const Subject&)) {
  for (const auto number : {cuda::Number::f16, cuda::Number::f32}) check(subject(number));
}
void on_the_gpu(void (*check)(const Subject&)) {
  check(subject(cuda::Number::f16));
}

}  // namespace

TEST_CASE("as every device must, the GPU encodes") {
  on_both_numbers(check_encoding);
}
TEST_CASE("as every device must, the GPU classifies") {
  on_both_numbers(check_classifying);
}
TEST_CASE("as every device must, the GPU recalls") {
  on_the_gpu(check_recalling);
}
TEST_CASE("as every device must, the GPU recalls while agents remember") {
  on_the_gpu(check_recalling_while_agents_remember);
}
TEST_CASE("as every device must, the GPU keeps what was recalled") {
  on_the_gpu(check_what_is_recalled_stays);
}
TEST_CASE("as every device must, the GPU decides") {
  on_the_gpu(check_deciding);
}
TEST_CASE("as every device must, the GPU bears bad items") {
  on_the_gpu(check_bad_items);
}
TEST_CASE("as every device must, the GPU refuses bad batches") {
  on_the_gpu(check_bad_batches);
}
TEST_CASE("as every device must, the GPU finds out damaged models") {
  on_the_gpu(check_damaged_models);
}

TEST_CASE("a batch with more tokens than the largest graph gives what its texts give alone") {
  const auto device = open_tiny();
  const auto texts = random_texts(260, 3);  // some 4,900 tokens; a slice holds 2,048
  const auto together = vectors_of(run(*device, encode_batch(1, texts)));
  for (std::size_t i = 0; i < texts.size(); i += 37)
    CHECK(together[i] == vectors_of(run(*device, encode_batch(2, {texts[i]}))).front());
}

TEST_CASE("urgent work enters between slices on the GPU and changes no bit") {
  const auto device = open_tiny();
  const auto long_texts = random_texts(260, 5);
  const Texts short_texts = {{1, 2, 3}, {4}};
  const auto expected_long = vectors_of(run(*device, encode_batch(1, long_texts)));
  const auto expected_short = vectors_of(run(*device, encode_batch(2, short_texts)));
  bool met = false;
  for (int batches = 0; batches < 1000 && !met; ++batches) {
    Report running;
    REQUIRE(device->submit(encode_batch(1, long_texts), running.completion()));
    for (int i = 0; i < 3; ++i) {
      Report urgent;
      REQUIRE(device->submit_urgent(encode_batch(2, short_texts), urgent.completion()));
      CHECK(vectors_of(urgent.wait()) == expected_short);
    }
    const auto report = running.wait();
    CHECK(vectors_of(report) == expected_long);
    CHECK((report.yields > 0) == (report.yielded > Duration::zero()));
    met = report.yields > 0;
  }
  CHECK(met);
}

TEST_CASE("urgent batches overtake the ordinary ones that wait for the GPU; queues are bounded") {
  const auto device = open_tiny();
  const auto texts = random_texts(1, 7);
  std::string order;
  std::promise<void> all_done;
  const auto note = [&](char who) {
    return [&order, &all_done, who](BatchReport&&) {
      order += who;
      if (order.size() == 5) all_done.set_value();
    };
  };
  REQUIRE(device->submit(encode_batch(1, texts), [&](BatchReport&&) {
    order += 'a';
    CHECK(device->submit(encode_batch(2, texts), note('b')));
    CHECK(device->submit(encode_batch(3, texts), note('c')));
    const auto refused = device->submit(encode_batch(6, texts), note('x'));
    CHECK((!refused && refused.error().code == ErrorCode::queue_full));
    CHECK(device->submit_urgent(encode_batch(4, texts), note('u')));
    CHECK(device->submit_urgent(encode_batch(5, texts), note('v')));
  }));
  REQUIRE(all_done.get_future().wait_for(std::chrono::minutes(2)) == std::future_status::ready);
  CHECK(order == "auvbc");
}

TEST_CASE(
    "a GPU device that stops finishes what it took, gives everything back and takes no more") {
  const auto gpu = std::make_shared<EmulatedGpu>(0);
  const auto texts = random_texts(3, 9);
  std::atomic<int> completed = 0;
  const auto device = open(options_for(gpu));
  const Completion count = [&](BatchReport&& report) {
    if (report.results.size() == 3 && report.results[2].output) ++completed;
  };
  REQUIRE(device->submit(encode_batch(1, texts), count));
  REQUIRE(device->submit_urgent(encode_batch(2, texts), count));
  std::thread other([&] { device->stop(); });
  device->stop();
  other.join();
  CHECK(completed == 2);
  CHECK(gpu->held() == 0);
  const auto late = device->submit(encode_batch(3, texts), count);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::draining);
}

// A device that encodes, classifies, recalls and decides.
CudaDeviceOptions all_options(std::shared_ptr<EmulatedGpu> gpu) {
  auto options = options_for(std::move(gpu));
  auto config = tiny();
  config.labels = 2;
  options.models = {random_bert(config, 1)};
  options.policies = {{random_policy({3, 4}, PolicyActivation::relu, 1), {}}};
  const auto memory = std::make_shared<MemoryStore>(1 << 20);
  for (std::uint64_t i = 0; i < 5; ++i)
    REQUIRE(memory->append({"librarian", "1"}, i, std::vector<float>{1, static_cast<float>(i)}));
  options.memory = memory;
  return options;
}

std::vector<Batch> all_batches() {
  auto texts = encode_batch(1, {{1, 2, 3}, {4}});
  std::get<Tokens>(texts.items[1].work).classify = true;
  return {std::move(texts),
          {BatchId{2}, {}, {{{2, 1}, Recall{"librarian/1", {0, 1}, 2}}}},
          {BatchId{3}, {}, {{{3, 1}, Decision{{1, 2, 3}, {}}}}}};
}

// What came of the batches in both lanes, one after the other: an error, or none.
std::vector<std::optional<Error>> outcomes_of(Device& device) {
  std::vector<std::optional<Error>> outcomes;
  for (const bool urgent : {false, true}) {
    for (const auto& batch : all_batches()) {
      Report report;
      const auto taken = urgent ? device.submit_urgent(batch, report.completion())
                                : device.submit(batch, report.completion());
      if (!taken) {
        outcomes.emplace_back(taken.error());
        continue;
      }
      const auto results = report.wait().results;
      REQUIRE(results.size() == batch.items.size());
      outcomes.emplace_back();
      for (const auto& result : results) {
        if (!result.output) outcomes.back() = result.output.error();
      }
    }
  }
  return outcomes;
}

TEST_CASE("whichever call fails while a GPU device opens, it says so and keeps nothing") {
  const auto whole = std::make_shared<EmulatedGpu>(0);
  const auto device = open(all_options(whole));
  const std::uint64_t opening = whole->calls();
  CHECK(opening > 100);
  for (std::uint64_t call = 1; call <= opening; ++call) {
    for (const int status : {out_of_memory, device_lost}) {
      const auto gpu = std::make_shared<EmulatedGpu>(0);
      gpu->fail_at(call, status, status == device_lost);
      const auto failed = open_cuda_device(all_options(gpu));
      INFO("call " << call);
      REQUIRE_FALSE(failed);
      CHECK(failed.error().code ==
            (status == device_lost ? ErrorCode::unreachable : ErrorCode::too_large));
      CHECK(gpu->held() == 0);
    }
  }
}

TEST_CASE("whichever call fails while a GPU device works, every batch has one clear outcome") {
  const auto whole = std::make_shared<EmulatedGpu>(0);
  const auto device = open(all_options(whole));
  const std::uint64_t opening = whole->calls();
  for (const auto& outcome : outcomes_of(*device)) REQUIRE_FALSE(outcome);
  const std::uint64_t all = whole->calls();
  CHECK(all > opening + 30);
  for (std::uint64_t call = opening + 1; call <= all; ++call) {
    const auto gpu = std::make_shared<EmulatedGpu>(0);
    gpu->fail_at(call, device_lost, true);
    const auto failing = open(all_options(gpu));
    INFO("call " << call);
    const auto outcomes = outcomes_of(*failing);
    bool failed = false;
    for (const auto& outcome : outcomes) {
      // Once it has failed, nothing succeeds any more.
      CHECK((outcome.has_value() || !failed));
      failed = failed || outcome.has_value();
      if (!outcome) continue;
      CHECK(outcome->code == ErrorCode::unreachable);
      CHECK(outcome->what.find("cuda:0: the GPU failed at ") == 0);
      CHECK(outcome->next_step == "send the task to another device");
    }
    CHECK(failed);
    failing->stop();
    CHECK(gpu->held() == 0);
  }
}

TEST_CASE("a GPU with too little memory says so when the device opens") {
  // What the models leave is too little for anybody's memories, or for a lane's buffers.
  const auto whole = std::make_shared<EmulatedGpu>(0);
  const auto device = open(all_options(whole));
  std::size_t free = 0;
  REQUIRE(whole->free_memory(&free) == 0);
  const std::size_t needed = (std::size_t{1} << 30) - free;
  for (std::size_t part = 0; part < 20; ++part) {
    const auto gpu = std::make_shared<EmulatedGpu>(0);
    gpu->limit_memory(needed * part / 20);
    const auto refused = open_cuda_device(all_options(gpu));
    INFO(part << " twentieths of what it needs");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::too_large);
    CHECK(gpu->held() == 0);
  }
}

TEST_CASE("a GPU that vanishes without a word is found out") {
  const auto gpu = std::make_shared<EmulatedGpu>(0);
  const auto device = open(options_for(gpu));
  REQUIRE(run(*device, encode_batch(1, random_texts(1, 15))).results[0].output);
  gpu->fall_silent();
  const auto report = run(*device, encode_batch(2, random_texts(2, 16)));
  for (const auto& result : report.results) {
    REQUIRE_FALSE(result.output);
    CHECK(result.output.error().code == ErrorCode::unreachable);
  }
  CHECK_FALSE(device->submit(encode_batch(3, random_texts(1, 17)), [](BatchReport&&) {}));
}
