// The CUDA device from the outside, on an emulated GPU: what is asked of the CPU device, and what
// becomes of batches when the GPU fails.
#include "kernels/cuda/cuda_device.hpp"

#include <atomic>
#include <cmath>
#include <future>

#include "base/limits.hpp"
#include "kernels/cpu/cpu_device.hpp"
#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "kernels/ref/bert.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/device_report.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;
using cuda::emulation::EmulatedGpu;

namespace {

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

}  // namespace

TEST_CASE("a batch on the GPU comes back with one unit vector for each text, in order") {
  const auto device = open_tiny();
  const auto texts = random_texts(9, 2);
  const auto model = random_bert(tiny(), 1);
  auto batch = encode_batch(42, texts);
  std::get<Tokens>(batch.items[4].work).truncated = true;
  const auto report = run(*device, std::move(batch));
  CHECK(report.id == BatchId{42});
  CHECK(report.finished >= report.started);
  REQUIRE(report.results.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK(report.results[i].task == TaskId{42, i + 1});
    const auto& embedding = std::get<Embedding>(*report.results[i].output);
    CHECK(embedding.tokens == texts[i].size());
    CHECK(embedding.truncated == (i == 4));
    const auto expected = ref::encode(*model, texts[i]);
    double squares = 0;
    for (std::size_t c = 0; c < expected.size(); ++c)
      squares += std::pow(expected[c] - static_cast<double>(embedding.vector[c]), 2);
    CHECK(std::sqrt(squares) < 3e-3);
  }
}

TEST_CASE("a GPU refuses to classify a text and encodes the others") {
  const auto device = open_tiny();
  auto batch = encode_batch(42, random_texts(3, 2));
  std::get<Tokens>(batch.items[1].work).classify = true;
  const auto report = run(*device, std::move(batch));
  CHECK(report.results[0].output);
  CHECK(report.results[2].output);
  REQUIRE_FALSE(report.results[1].output);
  CHECK(report.results[1].output.error().code == ErrorCode::unsupported);
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

TEST_CASE("a bad item fails alone on the GPU, a bad batch at the door") {
  const auto device = open_tiny();
  const auto good = random_texts(2, 10);
  const auto expected = vectors_of(run(*device, encode_batch(1, good)));
  const auto vocabulary = static_cast<std::int32_t>(tiny().vocabulary);
  const auto report =
      run(*device, encode_batch(2, {good[0],
                                    {},
                                    {vocabulary},
                                    {-1},
                                    std::vector<std::int32_t>(tiny().tokens_max + 1, 1),
                                    good[1]}));
  CHECK(std::get<Embedding>(*report.results[0].output).vector == expected[0]);
  CHECK(std::get<Embedding>(*report.results[5].output).vector == expected[1]);
  for (std::size_t i = 1; i < 5; ++i) {
    REQUIRE_FALSE(report.results[i].output);
    CHECK(report.results[i].output.error().code ==
          (i == 4 ? ErrorCode::too_large : ErrorCode::invalid_argument));
  }
  // Nothing but bad ones is no slice at all.
  CHECK_FALSE(run(*device, encode_batch(3, {{}, {-1}})).results[1].output);
  CHECK(run(*device, {}).results.empty());

  const auto refusal = [&](const Batch& batch) {
    const auto status = device->submit(batch, [](BatchReport&&) {});
    REQUIRE_FALSE(status);
    return status.error().code;
  };
  auto other_model = encode_batch(1, good);
  other_model.model = ModelId{1};
  CHECK(refusal(other_model) == ErrorCode::model_missing);
  CHECK(refusal(encode_batch(2, Texts(limits::tasks_per_batch_max + 1, good[0]))) ==
        ErrorCode::too_large);
  CHECK(refusal(encode_batch(3, {std::vector<std::int32_t>(limits::tokens_per_batch_max + 1)})) ==
        ErrorCode::too_large);
}

TEST_CASE("recalls that a GPU device is given are answered") {
  const auto memory = std::make_shared<MemoryStore>(1 << 20);
  REQUIRE(memory->append({"librarian", "1"}, 5, std::vector<float>{0, 2}));
  auto options = options_for(std::make_shared<EmulatedGpu>(0));
  options.memory = memory;
  const auto device = open(std::move(options));
  Batch batch;
  batch.items = {{{1, 1}, Recall{"librarian/1", {0, 1}, 3}}, {{1, 2}, Recall{"nonsense", {0}, 3}}};
  const auto report = run(*device, batch);
  CHECK(std::get<Hits>(*report.results[0].output).hits ==
        std::vector<Hit>{{"librarian/1", 5, 1.0F}});
  CHECK(report.results[1].output.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("decisions that a GPU device is given are made") {
  auto options = options_for(std::make_shared<EmulatedGpu>(0));
  options.policies = {{random_policy({3, 8, 4}, PolicyActivation::tanh, 1), {}}};
  CpuDeviceOptions cpu_options;
  cpu_options.policies = options.policies;
  const auto device = open(std::move(options));
  auto cpu = open_cpu_device(std::move(cpu_options));
  REQUIRE(cpu);
  Random random(2);
  Batch batch;
  for (std::uint64_t i = 0; i < 20; ++i)
    batch.items.push_back({{1, i + 1}, Decision{random_vector(3, random), {i, 0}}});
  batch.items.push_back({{1, 21}, Decision{{1, 2}, {}}});
  const auto report = run(*device, batch);
  const auto expected = run(**cpu, batch);
  for (std::size_t i = 0; i < 20; ++i)
    CHECK(std::get<Action>(*report.results[i].output) ==
          std::get<Action>(*expected.results[i].output));
  CHECK(report.results[20].output.error().code == ErrorCode::invalid_argument);
  CHECK(device->act_cost(ModelId{0}).of(1) > Duration::zero());
  CHECK(device->act_cost(ModelId{1}).of(1) == Duration::zero());
  batch.model = ModelId{1};
  CHECK(device->submit(batch, [](BatchReport&&) {}).error().code == ErrorCode::model_missing);
}

TEST_CASE("a model whose weights are not finite gives errors from the GPU, not vectors") {
  auto model = std::make_shared<BertModel>(*random_bert(tiny(), 12));
  const std::vector<float> poison(model->config.width, std::nanf(""));
  model->weights.embedding_norm.gain = poison;
  auto options = options_for(std::make_shared<EmulatedGpu>(0));
  options.models = {model};
  const auto device = open(std::move(options));
  for (const auto& result : run(*device, encode_batch(1, random_texts(2, 13))).results) {
    REQUIRE_FALSE(result.output);
    CHECK(result.output.error().code == ErrorCode::model_damaged);
  }
}

TEST_CASE("whichever call of a GPU device fails, every batch has one outcome and it is clear") {
  const auto texts = random_texts(2, 14);
  const auto whole = std::make_shared<EmulatedGpu>(0);
  open(options_for(whole))->stop();
  const std::uint64_t opening = whole->calls();
  constexpr int device_lost = 46;
  for (std::uint64_t call = 1; call <= opening; call += 7) {
    const auto gpu = std::make_shared<EmulatedGpu>(0);
    gpu->fail_at(call, device_lost, true);
    const auto device = open_cuda_device(options_for(gpu));
    REQUIRE_FALSE(device);
    CHECK(device.error().code == ErrorCode::unreachable);
    CHECK(gpu->held() == 0);
  }
  // Four calls for each batch: bring over, launch, bring back, ask to be called.
  for (std::uint64_t call = opening + 1; call <= opening + 8; ++call) {
    const auto gpu = std::make_shared<EmulatedGpu>(0);
    gpu->fail_at(call, device_lost, true);
    const auto device = open(options_for(gpu));
    const auto first = run(*device, encode_batch(1, texts));
    Report urgent;
    const auto taken = device->submit_urgent(encode_batch(2, texts), urgent.completion());
    CHECK(first.results[0].output.has_value() == (call > opening + 4));
    CHECK(static_cast<bool>(taken) == (call > opening + 4));
    const Error error = taken ? urgent.wait().results[1].output.error() : taken.error();
    CHECK(error.code == ErrorCode::unreachable);
    CHECK(error.what.find("cuda:0: the GPU failed at ") == 0);
    const auto refused = device->submit(encode_batch(3, texts), [](BatchReport&&) {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::unreachable);
    device->stop();
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
