// Recall against the float64 reference, on every instruction set this machine has.
#include "kernels/cpu/recall.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <thread>
#include <utility>

#include "base/limits.hpp"
#include "kernels/cpu/select.hpp"
#include "kernels/ref/recall.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using test::random_vector;

namespace {

constexpr std::uint64_t plenty = 1 << 30;
const cpu::YieldHook no_yield = [] {};

AgentId librarian(int key) {
  return {"librarian", std::to_string(key)};
}

// Documents spread over some memories, in the store and for the reference.
std::vector<ref::Document> fill(MemoryStore& store, std::size_t width, int memories, int documents,
                                Random& random) {
  std::vector<ref::Document> all;
  for (int i = 0; i < documents; ++i) {
    const auto agent = librarian(i % memories);
    const auto vector = random_vector(width, random);
    const auto number = static_cast<std::uint64_t>(i);
    REQUIRE(store.append(agent, number, vector));
    all.push_back({to_string(agent), number, vector});
  }
  return all;
}

void check_same(const Result<Hits>& result, const std::vector<ref::Score>& expected) {
  REQUIRE(result);
  REQUIRE(result->hits.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Hit& hit = result->hits[i];
    CHECK(hit.memory == expected[i].memory);
    CHECK(hit.document == expected[i].document);
    CHECK(std::abs(static_cast<double>(hit.score) - expected[i].cosine) < 1e-6);
  }
}

ErrorCode code_of(const Result<Hits>& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

}  // namespace

TEST_CASE("recall finds exactly what the reference finds, whatever the width") {
  for (const std::size_t width : {1U, 3U, 16U, 61U, 64U, 384U, 400U}) {
    MemoryStore store(plenty);
    Random random(width);
    const auto documents = fill(store, width, 5, 300, random);
    const auto query = random_vector(width, random);
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      INFO(tiles->name << ", width " << width);
      cpu::Recaller recaller(*tiles);
      // In one dimension all cosines are 1 or -1: ties all the way.
      for (const std::uint32_t k : {1U, 10U, 299U, 300U, 1000U})
        check_same(recaller.recall(store, {"librarian/*", query, k}, no_yield),
                   ref::recall(documents, query, k));
    }
  }
}

TEST_CASE("recall over one agent's memory leaves out everybody else's") {
  MemoryStore store(plenty);
  Random random(3);
  auto documents = fill(store, 48, 3, 60, random);
  std::erase_if(documents, [](const auto& document) { return document.memory != "librarian/1"; });
  const auto query = random_vector(48, random);
  cpu::Recaller recaller(*cpu::supported_tiles().front());
  check_same(recaller.recall(store, {"librarian/1", query, 100}, no_yield),
             ref::recall(documents, query, 100));
}

TEST_CASE("equal scores come by document number, then by memory name") {
  MemoryStore store(plenty);
  const std::vector<float> same = {1, 2, 3};
  for (const int key : {2, 1, 3}) {
    for (const std::uint64_t document : {9U, 4U, 7U})
      REQUIRE(store.append(librarian(key), document, same));
  }
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    cpu::Recaller recaller(*tiles);
    const auto result = recaller.recall(store, {"librarian/*", {2, 4, 6}, 5}, no_yield);
    REQUIRE(result);
    std::string order;
    for (const auto& hit : result->hits)
      order += std::to_string(hit.document) + "@" + hit.memory.back() + " ";
    CHECK(order == "4@1 4@2 4@3 7@1 7@2 ");
    CHECK(result->hits.front().score <= 1.0F);
    CHECK(result->hits.front().score > 0.999999F);
  }
}

TEST_CASE("nobody's memories hold nothing, which is no error") {
  MemoryStore store(plenty);
  cpu::Recaller recaller(*cpu::supported_tiles().front());
  for (const char* scope : {"librarian/1", "librarian/*"}) {
    const auto result = recaller.recall(store, {scope, {1, 0}, 10}, no_yield);
    REQUIRE(result);
    CHECK(result->hits.empty());
  }
}

TEST_CASE("a recall that makes no sense is refused") {
  MemoryStore store(plenty);
  REQUIRE(store.append(librarian(1), 1, std::vector<float>{1, 0}));
  REQUIRE(store.append(librarian(2), 1, std::vector<float>{1, 0, 0}));
  cpu::Recaller recaller(*cpu::supported_tiles().front());
  const float infinite = std::numeric_limits<float>::infinity();
  const std::vector<Recall> bad = {
      {"librarian/1", {}, 1},
      {"librarian/1", {0, 0}, 1},
      {"librarian/1", {1, std::nanf("")}, 1},
      {"librarian/1", {-infinite, 1}, 1},
      {"librarian/1", {1, 0, 0}, 1},
      {"librarian/*", {1, 0}, 1},  // the second remembers another width
      {"librarian/1", {1, 0}, 0},
      {"librarian/1", {1, 0}, limits::recall_hits_max + 1},
      {"librarian", {1, 0}, 1},
      {"librarian/1", std::vector<float>(limits::embedding_width_max + 1, 1.0F), 1},
  };
  for (const auto& task : bad) {
    INFO(task.scope << " with " << task.query.size() << " numbers, k " << task.k);
    CHECK(code_of(recaller.recall(store, task, no_yield)) == ErrorCode::invalid_argument);
  }
  CHECK(recaller.recall(store, {"librarian/1", {1, 0}, 1}, no_yield));
}

TEST_CASE("between two blocks a memory may be appended to, recalled from and forgotten") {
  MemoryStore store(plenty);
  Random random(4);
  constexpr int rows = 3000;  // several blocks at this width
  const auto documents = fill(store, 384, 1, rows, random);
  const auto query = random_vector(384, random);
  const auto expected = ref::recall(documents, query, 10);
  const auto tiles = cpu::supported_tiles();
  cpu::Recaller recaller(*tiles.front());
  cpu::Recaller urgent(*tiles.front());

  int yields = 0;
  const auto disturbed = recaller.recall(store, {"librarian/*", query, 10}, [&] {
    ++yields;
    CHECK(urgent.recall(store, {"librarian/0", query, 1}, no_yield)->hits.size() == 1);
    std::vector<float> opposite(query);
    for (float& x : opposite) x = -x;
    REQUIRE(store.append(librarian(0), static_cast<std::uint64_t>(rows + yields), opposite));
    // What came after the scan began is not found, whichever slot it takes.
    REQUIRE(store.append(librarian(0), rows + 100, query));
    REQUIRE(store.forget(librarian(0), rows + 100));
  });
  CHECK(yields >= 3);
  check_same(disturbed, expected);

  yields = 0;
  const auto forgotten = recaller.recall(store, {"librarian/*", query, 10}, [&] {
    if (++yields == 2) store.forget(librarian(0));
  });
  REQUIRE(forgotten);
  CHECK(yields == 2);
  CHECK(forgotten->hits.size() == 10);
}

TEST_CASE("agents remember and forget while devices recall") {
  for (const auto eviction : {Eviction::oldest, Eviction::least_recently_recalled}) {
    MemoryOptions options;
    options.rows = eviction == Eviction::oldest ? RowFormat::f32 : RowFormat::bf16;
    options.documents_max = 200;
    options.eviction = eviction;
    MemoryStore store(plenty, options);
    Random random(5);
    fill(store, 32, 4, 100, random);
    std::atomic<bool> done = false;
    std::thread agents([&] {
      Random mine(6);
      for (std::uint64_t i = 0; i < 3000; ++i) {
        const auto agent = librarian(static_cast<int>(i % 4));
        (void)store.append(agent, 1000 + i / 2, random_vector(32, mine));
        if (i % 7 == 0) store.forget(agent, 1000 + mine.below(i / 2 + 1));
        if (i % 500 == 499) store.forget(librarian(3));
      }
      done = true;
    });
    cpu::Recaller recaller(*cpu::supported_tiles().front());
    int recalls = 0;
    while (!done || recalls < 10) {
      const std::vector<Recall> tasks = {{"librarian/*", random_vector(32, random), 10},
                                         {"librarian/1", random_vector(32, random), 200},
                                         {"librarian/*", random_vector(32, random), 3}};
      const std::vector<const Recall*> all = {&tasks[0], &tasks[1], &tasks[2]};
      const auto results = recaller.recall(store, all, no_yield);
      REQUIRE(results[0]);
      REQUIRE(results[0]->hits.size() == 10);
      REQUIRE(results[2]->hits.size() == 3);
      for (const auto& result : results) {
        std::set<std::pair<std::string, std::uint64_t>> seen;  // none twice
        for (std::size_t i = 0; i < result->hits.size(); ++i) {
          const Hit& hit = result->hits[i];
          REQUIRE((i == 0 || result->hits[i - 1].score >= hit.score));
          REQUIRE(seen.emplace(hit.memory, hit.document).second);
        }
      }
      ++recalls;
    }
    agents.join();
  }
}

TEST_CASE("queries that share a call get, bit by bit, what each gets alone") {
  for (const RowFormat format : {RowFormat::f32, RowFormat::bf16, RowFormat::halves}) {
    for (const std::size_t width : {5U, 64U, 100U, 384U}) {
      MemoryOptions options;
      options.rows = format;
      MemoryStore store(plenty, options);
      Random random(width);
      fill(store, width, 4, 700, random);
      std::vector<Recall> tasks;
      for (int i = 0; i < 41; ++i) {
        const std::string scope = i % 3 == 0 ? "librarian/*" : "librarian/" + std::to_string(i % 5);
        tasks.push_back({scope, random_vector(width, random), static_cast<std::uint32_t>(1 + i)});
      }
      tasks[7].k = 0;
      tasks[8].query.assign(width, 0.0F);
      tasks[9].query.push_back(1);
      std::vector<const Recall*> all;
      for (const auto& task : tasks) all.push_back(&task);
      for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
        cpu::Recaller recaller(*tiles);
        const auto together = recaller.recall(store, all, no_yield);
        REQUIRE(together.size() == tasks.size());
        for (std::size_t i = 0; i < tasks.size(); ++i) {
          INFO(tiles->name << ", width " << width << ", task " << i);
          const auto alone = recaller.recall(store, tasks[i], no_yield);
          REQUIRE(together[i].has_value() == (i < 7 || i > 9));
          REQUIRE(alone.has_value() == together[i].has_value());
          if (alone)
            CHECK(*alone == *together[i]);
          else
            CHECK(together[i].error().code == ErrorCode::invalid_argument);
        }
      }
    }
  }
}

TEST_CASE("scores of bf16 rows are within 2^-8 of the reference, whatever the width") {
  MemoryOptions options;
  options.rows = RowFormat::bf16;
  for (const std::size_t width : {1U, 3U, 16U, 61U, 384U}) {
    MemoryStore store(plenty, options);
    Random random(width);
    const auto documents = fill(store, width, 3, 200, random);
    const auto query = random_vector(width, random);
    const auto expected = ref::recall(documents, query, 200);
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      INFO(tiles->name << ", width " << width);
      cpu::Recaller recaller(*tiles);
      const auto hits = recaller.recall(store, {"librarian/*", query, 200}, no_yield);
      REQUIRE(hits);
      REQUIRE(hits->hits.size() == expected.size());
      for (const auto& score : expected) {
        const auto hit = std::find_if(hits->hits.begin(), hits->hits.end(),
                                      [&](const Hit& h) { return h.document == score.document; });
        REQUIRE(hit != hits->hits.end());
        CHECK(std::abs(static_cast<double>(hit->score) - score.cosine) <= 1.0 / 256 + 1e-6);
      }
    }
  }
}

TEST_CASE("a store of halves answers bit by bit as one of f32 does") {
  MemoryOptions options;
  options.rows = RowFormat::halves;
  for (const std::size_t width : {1U, 2U, 17U, 64U, 384U}) {
    MemoryStore wide(plenty);
    MemoryStore halves(plenty, options);
    Random random(width);
    const auto center = random_vector(width, random);
    for (std::uint64_t i = 0; i < 1500; ++i) {
      // Crowds so narrow that bfloat16 takes many for the same, and exact ties.
      auto vector = random_vector(width, random);
      const float spread = i % 3 == 0 ? 1.0F : i % 3 == 1 ? 0.01F : 0.0F;
      for (std::size_t j = 0; j < width; ++j) vector[j] = center[j] + spread * vector[j];
      const auto agent = librarian(static_cast<int>(i % 4));
      REQUIRE(wide.append(agent, i, vector));
      REQUIRE(halves.append(agent, i, vector));
    }
    std::vector<Recall> tasks;
    for (const std::uint32_t k : {1U, 10U, 300U, 1000U}) {
      tasks.push_back({"librarian/*", random_vector(width, random), k});
      tasks.push_back({"librarian/*", center, k});
      auto away = center;
      for (float& x : away) x = -x;
      tasks.push_back({"librarian/*", away, k});
    }
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      cpu::Recaller recaller(*tiles);
      for (const auto& task : tasks) {
        INFO(tiles->name << ", width " << width << ", k " << task.k);
        const auto expected = recaller.recall(wide, task, no_yield);
        const auto got = recaller.recall(halves, task, no_yield);
        REQUIRE(got);
        CHECK(*got == *expected);
      }
    }
  }
}

TEST_CASE("forgotten documents are not found and those left are, wherever they stand") {
  MemoryStore store(plenty);
  Random random(8);
  auto documents = fill(store, 48, 1, 200, random);
  for (int round = 0; round < 300; ++round) {
    const auto which = static_cast<std::size_t>(random.below(documents.size()));
    REQUIRE(store.forget(librarian(0), documents[which].number));
    documents.erase(documents.begin() + static_cast<std::ptrdiff_t>(which));
    if (round % 3 != 0) {
      const auto number = static_cast<std::uint64_t>(1000 + round);
      const auto vector = random_vector(48, random);
      REQUIRE(store.append(librarian(0), number, vector));
      documents.push_back({"librarian/0", number, vector});
    }
  }
  const auto query = random_vector(48, random);
  cpu::Recaller recaller(*cpu::supported_tiles().front());
  check_same(recaller.recall(store, {"librarian/0", query, 1000}, no_yield),
             ref::recall(documents, query, 1000));
}

TEST_CASE("what is recalled stays longest where the store says so") {
  const auto left_by = [](Eviction eviction) {
    MemoryOptions options;
    options.documents_max = 3;
    options.eviction = eviction;
    MemoryStore store(plenty, options);
    REQUIRE(store.append(librarian(0), 1, std::vector<float>{1, 0, 0}));
    REQUIRE(store.append(librarian(0), 2, std::vector<float>{0, 1, 0}));
    REQUIRE(store.append(librarian(0), 3, std::vector<float>{0, 0, 1}));
    cpu::Recaller recaller(*cpu::supported_tiles().front());
    REQUIRE(recaller.recall(store, {"librarian/0", {1, 0.1F, 0.5F}, 2}, no_yield));  // 1 and 3
    REQUIRE(store.append(librarian(0), 4, std::vector<float>{1, 1, 0}));
    REQUIRE(store.append(librarian(0), 5, std::vector<float>{1, 1, 1}));
    const auto hits = recaller.recall(store, {"librarian/0", {1, 1, 1}, 9}, no_yield);
    REQUIRE(hits);
    std::vector<std::uint64_t> left;
    for (const auto& hit : hits->hits) left.push_back(hit.document);
    std::sort(left.begin(), left.end());
    return left;
  };
  CHECK(left_by(Eviction::oldest) == std::vector<std::uint64_t>{3, 4, 5});
  CHECK(left_by(Eviction::least_recently_recalled) == std::vector<std::uint64_t>{1, 4, 5});
}
