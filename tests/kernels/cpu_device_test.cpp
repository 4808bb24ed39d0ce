// The CPU device from the outside: what was submitted comes back once, urgent work goes first, and
// nothing that is wrong with one item hurts another.
#include "kernels/cpu/cpu_device.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

#include "base/limits.hpp"
#include "kernels/cpu/select.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/conformance.hpp"
#include "tests/kernels/device_report.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;

namespace {

std::unique_ptr<Device> open(CpuDeviceOptions options) {
  return opened(open_cpu_device(std::move(options)));
}

std::unique_ptr<Device> open_tiny(std::string instructions = "") {
  CpuDeviceOptions options;
  options.models = {random_bert(odd_config(), 1)};
  options.instructions = std::move(instructions);
  return open(std::move(options));
}

const Completion nobody_cares = [](BatchReport&&) {};

// With a device of each instruction set that this machine has.
void on_all_tiles(void (*check)(const Subject&)) {
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    INFO(tiles->name);
    check({[tiles](const Holds& holds) {
             CpuDeviceOptions options;
             options.models = holds.models;
             options.policies = holds.policies;
             options.memory = holds.memory;
             options.instructions = tiles->name;
             return open(std::move(options));
           },
           2e-6, 1e-5});
  }
}

}  // namespace

TEST_CASE("as every device must, the CPU encodes") {
  on_all_tiles(check_encoding);
}
TEST_CASE("as every device must, the CPU classifies") {
  on_all_tiles(check_classifying);
}
TEST_CASE("as every device must, the CPU recalls") {
  on_all_tiles(check_recalling);
}
TEST_CASE("as every device must, the CPU recalls while agents remember") {
  on_all_tiles(check_recalling_while_agents_remember);
}
TEST_CASE("as every device must, the CPU keeps what was recalled") {
  on_all_tiles(check_what_is_recalled_stays);
}
TEST_CASE("as every device must, the CPU decides") {
  on_all_tiles(check_deciding);
}
TEST_CASE("as every device must, the CPU bears bad items") {
  on_all_tiles(check_bad_items);
}
TEST_CASE("as every device must, the CPU refuses bad batches") {
  on_all_tiles(check_bad_batches);
}
TEST_CASE("as every device must, the CPU finds out damaged models") {
  on_all_tiles(check_damaged_models);
}

TEST_CASE("a batch larger than the workspace gives what its texts give alone") {
  const auto device = open_tiny();
  const auto texts = random_texts(odd_config(), 100, 3);  // some 1,900 tokens; the slice holds 512
  const auto together = vectors_of(run(*device, encode_batch(1, texts)));
  for (std::size_t i = 0; i < texts.size(); i += 7)
    CHECK(together[i] == vectors_of(run(*device, encode_batch(2, {texts[i]}))).front());
}

TEST_CASE("urgent work is let into a running batch and changes no bit of it") {
  const auto config = small_config(1);
  CpuDeviceOptions options;
  options.models = {random_bert(config, 4)};
  const auto device = open(std::move(options));
  const auto long_texts = random_texts(config, 6, 5);
  const Texts short_texts = {{1, 2, 3}, {4}};
  const auto expected_long = vectors_of(run(*device, encode_batch(1, long_texts)));
  const auto expected_short = vectors_of(run(*device, encode_batch(2, short_texts)));

  // The first urgent batch may still find the device idle; of the later ones some must meet the
  // ordinary batch running, if not the first then the next.
  bool met = false;
  for (int batches = 0; batches < 1000 && !met; ++batches) {
    Report running;
    REQUIRE(device->submit(encode_batch(1, long_texts), running.completion()));
    for (int i = 0; i < 20; ++i) {
      Report urgent;
      REQUIRE(device->submit_urgent(encode_batch(2, short_texts), urgent.completion()));
      CHECK(vectors_of(urgent.wait()) == expected_short);
    }
    const auto report = running.wait();
    CHECK(vectors_of(report) == expected_long);
    CHECK((report.yields > 0) == (report.yielded > Duration::zero()));
    CHECK(report.yielded < report.finished - report.started);
    met = report.yields > 0;
  }
  CHECK(met);
}

TEST_CASE("urgent batches overtake the ordinary ones that wait") {
  const auto device = open_tiny();
  const auto texts = random_texts(odd_config(), 1, 7);
  std::string order;
  std::promise<void> all_done;
  const auto note = [&](char who) {
    return [&order, &all_done, who](BatchReport&&) {
      order += who;
      if (order.size() == 5) all_done.set_value();
    };
  };
  // In the completion of the first batch the device is busy, so that what waits is known.
  REQUIRE(device->submit(encode_batch(1, texts), [&](BatchReport&&) {
    order += 'a';
    CHECK(device->submit(encode_batch(2, texts), note('b')));
    CHECK(device->submit(encode_batch(3, texts), note('c')));
    CHECK(device->submit_urgent(encode_batch(4, texts), note('u')));
    CHECK(device->submit_urgent(encode_batch(5, texts), note('v')));
  }));
  REQUIRE(all_done.get_future().wait_for(std::chrono::minutes(2)) == std::future_status::ready);
  CHECK(order == "auvbc");
}

TEST_CASE("queues are bounded and a refused batch never completes") {
  const auto device = open_tiny();
  const auto texts = random_texts(odd_config(), 1, 8);
  const auto& info = device->info();
  std::atomic<int> completed = 0;
  int refused = 0;
  const Completion count = [&](BatchReport&&) { ++completed; };
  Report first;
  auto report_first = first.completion();
  REQUIRE(device->submit(encode_batch(1, texts), [&](BatchReport&& report) {
    const auto submit_too_many = [&](auto submit, std::uint32_t limit) {
      for (std::uint32_t i = 0; i < limit; ++i) CHECK(submit());
      const Status status = submit();
      REQUIRE_FALSE(status);
      CHECK(status.error().code == ErrorCode::queue_full);
      ++refused;
    };
    submit_too_many([&] { return device->submit(encode_batch(2, texts), count); },
                    info.queue_batches_max);
    submit_too_many([&] { return device->submit_urgent(encode_batch(3, texts), count); },
                    info.urgent_batches_max);
    report_first(std::move(report));
  }));
  first.wait();
  device->stop();
  CHECK(refused == 2);
  CHECK(completed == static_cast<int>(info.queue_batches_max + info.urgent_batches_max));
}

TEST_CASE("a device that stops finishes what it took and takes no more") {
  const auto texts = random_texts(odd_config(), 3, 9);
  std::atomic<int> completed = 0;
  const Completion count = [&](BatchReport&& report) {
    if (report.results.size() == 3 && report.results[2].output) ++completed;
  };
  for (int round = 0; round < 20; ++round) {
    const auto device = open_tiny();
    completed = 0;
    REQUIRE(device->submit(encode_batch(1, texts), count));
    REQUIRE(device->submit_urgent(encode_batch(2, texts), count));
    std::thread other([&] { device->stop(); });
    device->stop();
    other.join();
    CHECK(completed == 2);
    device->stop();
    for (const auto& status : {device->submit(encode_batch(3, texts), nobody_cares),
                               device->submit_urgent(encode_batch(4, texts), nobody_cares)}) {
      REQUIRE_FALSE(status);
      CHECK(status.error().code == ErrorCode::draining);
    }
  }
}

TEST_CASE("a model is taken in and let go while the device works; what was taken is done") {
  const auto config = odd_config();
  const std::shared_ptr<const BertModel> first = random_bert(config, 12);
  std::shared_ptr<const BertModel> second = random_bert(config, 13);
  const std::weak_ptr<const BertModel> watched = second;
  CpuDeviceOptions options;
  options.models = {first, nullptr};
  const auto device = open(std::move(options));
  Batch batch = encode_batch(1, random_texts(config, 3, 14));
  const auto expected = run(*device, batch);
  batch.model = ModelId{1};
  const auto code_of_submit = [&] {
    Report never;
    const auto taken = device->submit(batch, never.completion());
    REQUIRE_FALSE(taken);
    return taken.error().code;
  };
  CHECK(code_of_submit() == ErrorCode::model_missing);
  CHECK(device->cost(ModelId{1}).of(100) == Duration::zero());

  REQUIRE(device->load(ModelId{1}, second, Precision::f32));
  REQUIRE(device->load(ModelId{1}, first, Precision::f32));  // it holds one already, which stays
  CHECK(device->cost(ModelId{1}).of(100) > Duration::zero());
  const auto of_second = run(*device, batch);
  REQUIRE(of_second.results[0].output);
  CHECK_FALSE(*of_second.results[0].output == *expected.results[0].output);

  // Let go with a batch inside: that one is done, and then nothing is kept.
  second.reset();
  Report inside;
  Report urgent;
  REQUIRE(device->submit(batch, inside.completion()));
  REQUIRE(device->submit_urgent(batch, urgent.completion()));
  device->unload(ModelId{1});
  CHECK(code_of_submit() == ErrorCode::model_missing);
  for (const auto& report : {inside.wait(), urgent.wait()})
    CHECK(*report.results[0].output == *of_second.results[0].output);
  batch.model = ModelId{0};
  CHECK(*run(*device, batch).results[0].output == *expected.results[0].output);
  CHECK(watched.expired());
  device->unload(ModelId{1});
  device->unload(ModelId{7});
}

TEST_CASE("every batch that many threads submit completes exactly once") {
  const auto memory = std::make_shared<MemoryStore>(1 << 20);
  CpuDeviceOptions options;
  options.models = {random_bert(odd_config(), 14)};
  options.memory = memory;
  const auto device = open(std::move(options));
  const auto texts = random_texts(odd_config(), 2, 15);

  std::mutex mutex;
  std::multiset<std::uint64_t> completed;  // guarded by mutex
  std::multiset<std::uint64_t> taken;      // guarded by mutex
  constexpr std::uint64_t each = 200;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < each; ++i) {
        const std::uint64_t id = t * each + i;
        const Completion note = [&, id](BatchReport&& report) {
          const std::scoped_lock lock(mutex);
          if (report.id == BatchId{id}) completed.insert(id);
        };
        auto batch = encode_batch(id, texts);
        const bool urgent = i % 2 == 0;
        const auto status = urgent ? device->submit_urgent(std::move(batch), note)
                                   : device->submit(std::move(batch), note);
        if (status) {
          const std::scoped_lock lock(mutex);
          taken.insert(id);
        } else if (status.error().code != ErrorCode::queue_full) {
          std::abort();  // Catch's macros are for one thread
        }
        (void)memory->append({"librarian", "1"}, i, std::vector<float>{1, 2});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  device->stop();
  CHECK(taken.size() >= 2);
  CHECK(completed == taken);
}

TEST_CASE("an idle device wakes up for each lane, again and again") {
  const auto device = open_tiny();
  const auto texts = random_texts(odd_config(), 1, 16);
  for (int i = 0; i < 300; ++i) {
    Report report;
    const auto batch = encode_batch(1, texts);
    const auto status = i % 2 == 0 ? device->submit(batch, report.completion())
                                   : device->submit_urgent(batch, report.completion());
    REQUIRE(status);
    report.wait();
  }
}

TEST_CASE("the device's thread bears its name and gives way to others") {
  CpuDeviceOptions options;
  options.name = "cpu:7";
  options.nice = 3;
  const auto device = open(std::move(options));
  std::string name;
  int nice = 0;
  Report report;
  const auto completion = report.completion();
  REQUIRE(device->submit({}, [&](BatchReport&& done) {
    char text[16] = {};
    pthread_getname_np(pthread_self(), text, sizeof text);
    name = text;
    nice = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
    completion(std::move(done));
  }));
  report.wait();
  CHECK(device->info().name == "cpu:7");
  CHECK(name == "tr-cpu:7");
  CHECK(nice == std::min(19, getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())) + 3));
}

TEST_CASE("the first guess of a cost is above zero and grows with the model") {
  CpuDeviceOptions options;
  options.models = {random_bert(odd_config(), 17), random_bert(small_config(2), 18)};
  const auto device = open(std::move(options));
  const Cost small = device->cost(ModelId{0});
  const Cost large = device->cost(ModelId{1});
  CHECK(small.fixed > Duration::zero());
  CHECK(small.per_unit > Duration::zero());
  CHECK(large.of(100) > small.of(100));
  CHECK(device->cost(ModelId{2}).of(100) == Duration::zero());
  CHECK(device->recall_cost().of(1) > Duration::zero());
}

TEST_CASE("options that make no sense are refused") {
  const auto refusal = [](const auto& change) {
    CpuDeviceOptions options;
    options.models = {random_bert(odd_config(), 19)};
    change(options);
    const auto device = open_cpu_device(std::move(options));
    REQUIRE_FALSE(device);
    return device.error().code;
  };
  using Options = CpuDeviceOptions;
  CHECK(refusal([](Options& o) { o.instructions = "mmx"; }) == ErrorCode::unsupported);
  CHECK(refusal([](Options& o) { o.nice = 20; }) == ErrorCode::invalid_argument);
  CHECK(refusal([](Options& o) { o.nice = -1; }) == ErrorCode::invalid_argument);
  CHECK(refusal([](Options& o) { o.name.clear(); }) == ErrorCode::invalid_argument);
  CHECK(refusal([](Options& o) { o.precisions.resize(2); }) == ErrorCode::invalid_argument);
  CHECK(refusal([](Options& o) { o.policies.push_back({}); }) == ErrorCode::invalid_argument);
  const auto policy = random_policy({3, 2}, PolicyActivation::relu, 1);
  CHECK(refusal([&](Options& o) {
          o.policies = {{policy, {SamplingRule::softmax, -1, 0}}};
        }) == ErrorCode::invalid_argument);
  CHECK(refusal([&](Options& o) {
          auto broken = std::make_shared<PolicyModel>(*policy);
          broken->widths = {2, 3};
          o.policies = {{broken, {}}};
        }) == ErrorCode::model_damaged);
  CHECK(refusal([](Options& o) {
          auto broken = std::make_shared<BertModel>(*o.models[0]);
          broken->config.heads = 7;
          o.models[0] = broken;
        }) == ErrorCode::model_damaged);
}
