// What a device that is tested from the outside is asked, and what it answers.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/device.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

namespace troupe::kernels::test {

using Texts = std::vector<std::vector<std::int32_t>>;

// A completion that hands the report to whoever waits for it.
class Report {
 public:
  Completion completion() {
    return [this](BatchReport&& report) { promise_.set_value(std::move(report)); };
  }
  BatchReport wait() {
    auto future = promise_.get_future();
    if (future.wait_for(std::chrono::minutes(2)) != std::future_status::ready)
      FAIL("a batch never completed");
    return future.get();
  }

 private:
  std::promise<BatchReport> promise_;
};

inline std::unique_ptr<Device> opened(Result<std::unique_ptr<Device>> device) {
  if (!device) FAIL(device.error().to_string());
  return *std::move(device);
}

inline BatchReport run(Device& device, Batch batch) {
  Report report;
  const auto status = device.submit(std::move(batch), report.completion());
  REQUIRE(status);
  return report.wait();
}

inline std::vector<float> vector_of(const ItemResult& result) {
  if (!result.output) FAIL(result.output.error().to_string());
  return std::get<Embedding>(*result.output).vector;
}

inline std::vector<std::vector<float>> vectors_of(const BatchReport& report) {
  std::vector<std::vector<float>> vectors;
  for (const auto& result : report.results) vectors.push_back(vector_of(result));
  return vectors;
}

// Of 1 token to as many as the model reads.
inline Texts random_texts(const BertConfig& config, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Texts texts;
  for (std::size_t i = 0; i < count; ++i)
    texts.push_back(random_ids(config, 1 + random.below(config.tokens_max), random));
  return texts;
}

}  // namespace troupe::kernels::test
