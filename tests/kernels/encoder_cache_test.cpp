// Weights are packed once for all devices that share a cache, and go with their last user.
#include "kernels/cpu/encoder_cache.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "kernels/cpu/cpu_device.hpp"
#include "kernels/cpu/select.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;

TEST_CASE("an encoder is packed once for each model, instruction set and precision") {
  cpu::EncoderCache cache;
  const auto first = random_bert(odd_config(), 1);
  const auto second = random_bert(odd_config(), 2);
  const auto tiles = cpu::supported_tiles();
  std::vector<std::shared_ptr<const cpu::Encoder>> encoders;
  for (int round = 0; round < 3; ++round) {
    for (const auto& model : {first, second}) {
      for (const cpu::Tiles* set : tiles) {
        for (const auto precision : {Precision::f32, Precision::bf16})
          encoders.push_back(cache.get(*set, model, precision));
      }
    }
  }
  const std::size_t kinds = 2 * tiles.size() * 2;
  CHECK(cache.packed() == kinds);
  CHECK(cache.in_use() == kinds);
  for (std::size_t i = 0; i < kinds; ++i) {
    CHECK(encoders[i] == encoders[i + kinds]);
    CHECK(encoders[i].use_count() == 3);
    for (std::size_t j = 0; j < i; ++j) CHECK(encoders[i] != encoders[j]);
  }
  encoders.clear();
  CHECK(cache.in_use() == 0);
  CHECK(first.use_count() == 1);  // nothing of it is kept
  const auto again = cache.get(*tiles.front(), first, Precision::f32);
  CHECK(cache.packed() == kinds + 1);
}

TEST_CASE("devices that share a cache share weights until the last one goes") {
  const auto cache = std::make_shared<cpu::EncoderCache>();
  const auto model = random_bert(odd_config(), 3);
  const auto open = [&](Precision precision, std::string instructions = "") {
    CpuDeviceOptions options;
    options.models = {model, model};  // one checkpoint under two names
    options.precisions = {precision, precision};
    options.encoders = cache;
    options.instructions = std::move(instructions);
    auto device = open_cpu_device(std::move(options));
    REQUIRE(device);
    return *std::move(device);
  };
  auto one = open(Precision::f32);
  auto two = open(Precision::f32);
  CHECK(cache->packed() == 1);
  auto rounded = open(Precision::bf16);
  CHECK(cache->packed() == 2);
  one.reset();
  CHECK(cache->in_use() == 2);
  two.reset();
  CHECK(cache->in_use() == 1);
  rounded.reset();
  CHECK(cache->in_use() == 0);
  CHECK(model.use_count() == 1);
  const bool other_set = cpu::supported_tiles().size() > 1;
  one = open(Precision::f32);
  two = open(Precision::f32, "generic");
  CHECK(cache->packed() == (other_set ? 4 : 3));
}

TEST_CASE("threads that ask at once get the same encoder") {
  const auto model = random_bert(odd_config(), 5);
  const auto& tiles = *cpu::supported_tiles().front();
  for (int round = 0; round < 50; ++round) {
    cpu::EncoderCache cache;
    std::vector<std::shared_ptr<const cpu::Encoder>> got(4);
    std::vector<std::thread> threads;
    for (auto& encoder : got)
      threads.emplace_back([&] { encoder = cache.get(tiles, model, Precision::f32); });
    for (auto& thread : threads) thread.join();
    CHECK(cache.packed() == 1);
    for (const auto& encoder : got) CHECK(encoder == got[0]);
    // And while others let go.
    std::vector<std::thread> users;
    for (auto& encoder : got) {
      users.emplace_back([&] {
        encoder.reset();
        encoder = cache.get(tiles, model, Precision::f32);
      });
    }
    for (auto& user : users) user.join();
    CHECK(cache.in_use() == 1);
  }
}
