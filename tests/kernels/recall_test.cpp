// Recall against the float64 reference, on every instruction set this machine has.
#include "kernels/cpu/recall.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

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

TEST_CASE("agents remember while devices recall") {
  MemoryStore store(plenty);
  Random random(5);
  fill(store, 32, 4, 100, random);
  std::atomic<bool> done = false;
  std::thread agents([&] {
    Random mine(6);
    for (std::uint64_t i = 0; i < 3000; ++i) {
      (void)store.append(librarian(static_cast<int>(i % 4)), 1000 + i / 2, random_vector(32, mine));
      if (i % 500 == 499) store.forget(librarian(3));
    }
    done = true;
  });
  cpu::Recaller recaller(*cpu::supported_tiles().front());
  int recalls = 0;
  while (!done || recalls < 10) {
    const auto result =
        recaller.recall(store, {"librarian/*", random_vector(32, random), 10}, no_yield);
    REQUIRE(result);
    REQUIRE(result->hits.size() == 10);
    for (std::size_t i = 1; i < 10; ++i)
      REQUIRE(result->hits[i - 1].score >= result->hits[i].score);
    ++recalls;
  }
  agents.join();
}
