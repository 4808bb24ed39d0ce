// What a batch comes back as when its items want different things of one model.
#include "kernels/cpu/batch_runner.hpp"

#include "kernels/cpu/select.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;

namespace {

BertConfig with_labels(std::uint32_t labels) {
  auto config = odd_config();
  config.labels = labels;
  return config;
}

// Every second text of a batch is to be classified.
Batch mixed(const std::vector<std::vector<std::int32_t>>& texts, std::size_t first,
            std::size_t count) {
  auto batch = encode_batch(1, {texts.begin() + static_cast<std::ptrdiff_t>(first),
                                texts.begin() + static_cast<std::ptrdiff_t>(first + count)});
  for (std::size_t i = 0; i < count; ++i)
    std::get<Tokens>(batch.items[i].work).classify = (first + i) % 2 == 1;
  return batch;
}

}  // namespace

TEST_CASE("texts are classified and encoded in one batch, each as alone") {
  const auto config = with_labels(3);
  const auto model = random_bert(config, 4);
  Random random(6);
  std::vector<std::vector<std::int32_t>> texts;
  for (int i = 0; i < 40; ++i)  // more than a slice holds
    texts.push_back(random_ids(config, 1 + random.below(config.tokens_max), random));
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    const auto encoder = std::make_shared<const cpu::Encoder>(*tiles, model);
    cpu::EncoderSeat seat(encoder);
    cpu::BatchRunner runner(*tiles, {}, nullptr);
    const auto together = runner.run(mixed(texts, 0, texts.size()), &seat, [] {});
    for (std::size_t i = 0; i < texts.size(); ++i) {
      INFO(tiles->name << ", text " << i);
      const auto alone = runner.run(mixed(texts, i, 1), &seat, [] {});
      REQUIRE(together[i].output);
      REQUIRE(alone[0].output);
      CHECK(*together[i].output == *alone[0].output);
      const auto* scores = std::get_if<Scores>(&*together[i].output);
      REQUIRE((scores != nullptr) == (i % 2 == 1));
      if (scores == nullptr) continue;
      CHECK(scores->labels == std::vector<std::string>{"label 0", "label 1", "label 2"});
      CHECK(scores->logits.size() == 3);
      CHECK(scores->tokens == texts[i].size());
    }
  }
}

TEST_CASE("a model without a classifier classifies nothing and encodes the others") {
  const cpu::Tiles& tiles = *cpu::supported_tiles().front();
  const auto encoder = std::make_shared<const cpu::Encoder>(tiles, random_bert(odd_config(), 4));
  cpu::EncoderSeat seat(encoder);
  cpu::BatchRunner runner(tiles, {}, nullptr);
  const auto results = runner.run(mixed({{1, 2, 3}, {4, 5}}, 0, 2), &seat, [] {});
  CHECK(results[0].output);
  REQUIRE_FALSE(results[1].output);
  CHECK(results[1].output.error().code == ErrorCode::unsupported);
}
