#include "tests/kernels/conformance.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include "base/limits.hpp"
#include "kernels/ref/bert.hpp"
#include "kernels/ref/policy.hpp"
#include "tests/kernels/device_report.hpp"

namespace troupe::kernels::test {
namespace {

BertConfig tiny(std::uint32_t labels = 0) {
  auto config = odd_config();
  config.layers = 1;
  config.labels = labels;
  return config;
}

// The ordinary lane's report and the urgent one's of the same batch.
std::vector<BatchReport> run_in_both_lanes(Device& device, const Batch& batch) {
  std::vector<BatchReport> reports;
  reports.push_back(run(device, batch));
  Report urgent;
  REQUIRE(device.submit_urgent(batch, urgent.completion()));
  reports.push_back(urgent.wait());
  for (const auto& report : reports) REQUIRE(report.results.size() == batch.items.size());
  return reports;
}

double distance(const std::vector<double>& expected, const std::vector<float>& got) {
  REQUIRE(expected.size() == got.size());
  double squares = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    squares += std::pow(expected[i] - static_cast<double>(got[i]), 2);
  return std::sqrt(squares);
}

}  // namespace

void check_encoding(const Subject& subject) {
  const auto model = random_bert(tiny(), 1);
  const auto device = subject.open({{model}, {}, nullptr});
  const auto texts = random_texts(tiny(), 9, 2);
  auto batch = encode_batch(42, texts);
  std::get<Tokens>(batch.items[4].work).truncated = true;
  for (const auto& report : run_in_both_lanes(*device, batch)) {
    CHECK(report.id == BatchId{42});
    CHECK(report.finished >= report.started);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CHECK(report.results[i].task == TaskId{42, i + 1});
      const auto& embedding = std::get<Embedding>(*report.results[i].output);
      CHECK(embedding.tokens == texts[i].size());
      CHECK(embedding.truncated == (i == 4));
      CHECK(distance(ref::encode(*model, texts[i]), embedding.vector) < subject.vector_error_max);
      if (i % 4 == 0)
        CHECK(embedding.vector == vectors_of(run(*device, encode_batch(2, {texts[i]}))).front());
    }
  }
}

void check_classifying(const Subject& subject) {
  for (const std::uint32_t labels : {1U, 3U, 70U}) {
    const auto config = tiny(labels);
    const auto model = random_bert(config, labels);
    const auto device = subject.open({{model, random_bert(tiny(), 3)}, {}, nullptr});
    const auto texts = random_texts(config, 7, 4);
    auto batch = encode_batch(1, texts);
    for (std::size_t i = 0; i < texts.size(); i += 2)
      std::get<Tokens>(batch.items[i].work).classify = true;
    for (const auto& report : run_in_both_lanes(*device, batch)) {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        INFO(labels << " labels, text " << i);
        REQUIRE(report.results[i].output);
        if (i % 2 == 1) {
          CHECK(distance(ref::encode(*model, texts[i]), vector_of(report.results[i])) <
                subject.vector_error_max);
          continue;
        }
        const auto& scores = std::get<Scores>(*report.results[i].output);
        CHECK(scores.labels == model->weights.head->names);
        CHECK(scores.tokens == texts[i].size());
        const auto expected = ref::classify(*model, texts[i]);
        REQUIRE(scores.logits.size() == expected.size());
        for (std::size_t c = 0; c < expected.size(); ++c)
          CHECK(std::abs(expected[c] - static_cast<double>(scores.logits[c])) <
                subject.scores_error_max);
        const auto alone = run(*device, Batch{{}, ModelId{0}, {batch.items[i]}});
        CHECK(std::get<Scores>(*alone.results[0].output) == scores);
      }
    }
    // The second model has no classifier; its other texts are encoded.
    batch.model = ModelId{1};
    const auto report = run(*device, batch);
    CHECK(report.results[0].output.error().code == ErrorCode::unsupported);
    CHECK(report.results[1].output);
  }
}

void check_deciding(const Subject& subject) {
  const std::vector<std::vector<std::uint32_t>> shapes = {
      {3, 2}, {6, 40, 9}, {64, 128, 16}, {1, 1}};
  for (const auto rule : {SamplingRule::greedy, SamplingRule::softmax, SamplingRule::gumbel}) {
    Holds holds;
    for (const auto& widths : shapes)
      holds.policies.push_back(
          {random_policy(widths, PolicyActivation::gelu, widths.size()), {rule, 1.5, 4}});
    const auto device = subject.open(holds);
    for (std::uint32_t policy = 0; policy < shapes.size(); ++policy) {
      const PolicyModel& model = *holds.policies[policy].model;
      Random random(8);
      Batch batch;
      batch.model = ModelId{policy};
      for (std::uint64_t i = 0; i < 300; ++i)  // more than some devices run together
        batch.items.push_back(
            {{1, i + 1}, Decision{random_vector(model.observation_width(), random), {i, 3}}});
      std::get<Decision>(batch.items[1].work).observation.push_back(5);
      std::get<Decision>(batch.items[2].work).observation.back() = std::nanf("");
      std::get<Decision>(batch.items[3].work).key.step = DecisionKey::step_max + 1;
      std::get<Decision>(batch.items[299].work).observation.clear();
      for (const auto& report : run_in_both_lanes(*device, batch)) {
        for (std::size_t i = 0; i < batch.items.size(); ++i) {
          const auto& output = report.results[i].output;
          if ((i >= 1 && i <= 3) || i == 299) {
            CHECK(output.error().code == ErrorCode::invalid_argument);
            continue;
          }
          INFO("policy " << policy << ", decision " << i);
          const auto& decision = std::get<Decision>(batch.items[i].work);
          const auto logits = ref::logits(model, decision.observation);
          const auto expected = sample(std::vector<float>(logits.begin(), logits.end()),
                                       holds.policies[policy].sampling, decision.key);
          CHECK(std::get<Action>(*output).number == *expected);
          if (i % 50 != 0) continue;
          const auto alone = run(*device, Batch{{}, batch.model, {batch.items[i]}});
          CHECK(*alone.results[0].output == *output);
        }
      }
      CHECK(device->act_cost(ModelId{policy}).of(1) > Duration::zero());
    }
    CHECK(device->act_cost(ModelId{4}).of(1) == Duration::zero());
    Report never;
    const auto refused =
        device->submit({{}, ModelId{4}, {{{1, 1}, Decision{{1, 2, 3}, {}}}}}, never.completion());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::model_missing);
  }
}

void check_bad_items(const Subject& subject) {
  const auto config = odd_config();
  const auto device = subject.open({{random_bert(config, 1)}, {}, nullptr});
  const auto good = random_texts(config, 2, 10);
  const auto expected = vectors_of(run(*device, encode_batch(1, good)));
  const auto vocabulary = static_cast<std::int32_t>(config.vocabulary);
  const Texts bad = {{},
                     {1, vocabulary},
                     {-1},
                     {std::numeric_limits<std::int32_t>::min()},
                     {std::numeric_limits<std::int32_t>::max()},
                     std::vector<std::int32_t>(config.tokens_max + 1, 1)};
  Texts texts = {good[0]};
  texts.insert(texts.end(), bad.begin(), bad.end());
  texts.push_back(good[1]);
  const auto report = run(*device, encode_batch(2, texts));
  REQUIRE(report.results.size() == texts.size());
  CHECK(vector_of(report.results.front()) == expected[0]);
  CHECK(vector_of(report.results.back()) == expected[1]);
  for (std::size_t i = 1; i + 1 < texts.size(); ++i) {
    REQUIRE_FALSE(report.results[i].output);
    CHECK(report.results[i].task == TaskId{2, i + 1});
    const auto code = report.results[i].output.error().code;
    CHECK(code == (i == bad.size() ? ErrorCode::too_large : ErrorCode::invalid_argument));
  }
  // Nothing but bad ones, and nothing at all.
  CHECK_FALSE(run(*device, encode_batch(3, {{}, {-1}})).results[1].output);
  CHECK(run(*device, {}).results.empty());
}

void check_bad_batches(const Subject& subject) {
  const auto device = subject.open({{random_bert(tiny(), 1)}, {}, nullptr});
  const auto texts = random_texts(tiny(), 1, 11);
  const auto refusal = [&](const Batch& batch) {
    const auto status = device->submit(batch, [](BatchReport&&) {});
    REQUIRE_FALSE(status);
    const auto urgent = device->submit_urgent(batch, [](BatchReport&&) {});
    REQUIRE_FALSE(urgent);
    CHECK(urgent.error().code == status.error().code);
    return status.error().code;
  };
  auto other_model = encode_batch(1, texts);
  other_model.model = ModelId{1};
  CHECK(refusal(other_model) == ErrorCode::model_missing);
  CHECK(refusal(encode_batch(2, Texts(limits::tasks_per_batch_max + 1, texts[0]))) ==
        ErrorCode::too_large);
  CHECK(refusal(encode_batch(3, {std::vector<std::int32_t>(limits::tokens_per_batch_max + 1)})) ==
        ErrorCode::too_large);
}

void check_damaged_models(const Subject& subject) {
  auto model = std::make_shared<BertModel>(*random_bert(tiny(2), 12));
  const std::vector<float> poison(model->config.width, std::nanf(""));
  model->weights.embedding_norm.gain = poison;
  auto policy = std::make_shared<PolicyModel>(*random_policy({2, 3}, PolicyActivation::relu, 1));
  policy->layers[0].bias = std::span(poison).first(3);
  const auto device = subject.open({{model}, {{policy, {}}}, nullptr});
  auto batch = encode_batch(1, random_texts(tiny(), 2, 13));
  std::get<Tokens>(batch.items[1].work).classify = true;
  const Batch decisions{{}, ModelId{0}, {{{1, 1}, Decision{{1, 2}, {}}}}};
  for (const auto& report : {run(*device, batch), run(*device, decisions)}) {
    for (const auto& result : report.results) {
      REQUIRE_FALSE(result.output);
      CHECK(result.output.error().code == ErrorCode::model_damaged);
    }
  }
}

}  // namespace troupe::kernels::test
