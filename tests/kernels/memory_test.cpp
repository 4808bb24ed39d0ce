#include "kernels/memory.hpp"

#include <cmath>
#include <limits>
#include <thread>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using kernels::MemoryStore;
using kernels::test::random_vector;

namespace {

const AgentId first{"librarian", "1"};
const AgentId second{"librarian", "2"};
constexpr std::uint64_t plenty = 1 << 30;

ErrorCode code_of(const Status& status) {
  REQUIRE_FALSE(status);
  return status.error().code;
}

std::vector<std::string> names(const MemoryStore& store, std::string_view scope) {
  std::vector<std::string> result;
  const auto found = store.find(scope);
  REQUIRE(found);
  for (const auto& memory : *found) result.push_back(memory->name);
  return result;
}

}  // namespace

TEST_CASE("what an agent remembers is kept with unit length, in the order it came") {
  MemoryStore store(plenty);
  REQUIRE(store.append(first, 7, std::vector<float>{3, 4}));
  REQUIRE(store.append(first, 3, std::vector<float>{0, -1e-30F}));
  const auto found = store.find("librarian/1");
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  const auto& memory = *found->front();
  CHECK(memory.width == 2);
  CHECK(memory.documents == std::vector<std::uint64_t>{7, 3});
  CHECK(memory.rows == std::vector<float>{0.6F, 0.8F, 0.0F, -1.0F});
  CHECK(store.documents() == 2);
}

TEST_CASE("remembering a document again replaces its vector and takes no more room") {
  MemoryStore store(plenty);
  REQUIRE(store.append(first, 7, std::vector<float>{1, 0}));
  const auto bytes = store.bytes();
  REQUIRE(store.append(first, 7, std::vector<float>{0, 2}));
  CHECK(store.find("librarian/1")->front()->rows == std::vector<float>{0, 1});
  CHECK(store.documents() == 1);
  CHECK(store.bytes() == bytes);
}

TEST_CASE("a scope names one agent or all of a type, by name") {
  MemoryStore store(plenty);
  for (const char* key : {"3", "10", "1"})
    REQUIRE(store.append({"librarian", key}, 1, std::vector<float>{1}));
  REQUIRE(store.append({"lib", "1"}, 1, std::vector<float>{1}));
  CHECK(names(store, "librarian/*") ==
        std::vector<std::string>{"librarian/1", "librarian/10", "librarian/3"});
  CHECK(names(store, "lib/*") == std::vector<std::string>{"lib/1"});
  CHECK(names(store, "librarian/10") == std::vector<std::string>{"librarian/10"});
  CHECK(names(store, "librarian/4").empty());
  CHECK(names(store, "nobody/*").empty());
  for (const char* scope : {"", "*", "/*", "*/*", "librarian", "librarian/", "librarian/1*",
                            "a/b/*", "librarian/**", "lib rarian/*"}) {
    INFO(scope);
    const auto found = store.find(scope);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("vectors without a direction or of another width are refused and change nothing") {
  MemoryStore store(plenty);
  REQUIRE(store.append(first, 1, std::vector<float>{1, 0}));
  const auto bytes = store.bytes();
  const float infinite = std::numeric_limits<float>::infinity();
  const std::vector<std::vector<float>> bad = {
      {},
      {0, 0},
      {1, std::nanf("")},
      {1, infinite},
      {1},
      {1, 0, 0},
      std::vector<float>(limits::embedding_width_max + 1, 1.0F)};
  for (const auto& vector : bad)
    CHECK(code_of(store.append(first, 2, vector)) == ErrorCode::invalid_argument);
  CHECK(code_of(store.append(second, 2, std::vector<float>{0, 0})) == ErrorCode::invalid_argument);
  CHECK(code_of(store.append({"no type", "1"}, 2, std::vector<float>{1})) ==
        ErrorCode::invalid_argument);
  CHECK(store.bytes() == bytes);
  CHECK(store.documents() == 1);
  CHECK(names(store, "librarian/*").size() == 1);
}

TEST_CASE("the store never holds more than its bound and takes new work after forgetting") {
  constexpr std::uint64_t bytes_max = 200'000;
  MemoryStore store(bytes_max);
  Random random(1);
  std::uint64_t taken = 0;
  Status status;
  while ((status = store.append(first, taken, random_vector(96, random)))) {
    ++taken;
    REQUIRE(store.bytes() <= bytes_max);
    REQUIRE(taken * 96 * sizeof(float) < bytes_max);
  }
  CHECK(code_of(status) == ErrorCode::queue_full);
  // Nearly all of it holds vectors.
  CHECK(taken * 96 * sizeof(float) > bytes_max * 8 / 10);
  CHECK(store.documents() == taken);
  CHECK(code_of(store.append(second, 1, random_vector(96, random))) == ErrorCode::queue_full);
  CHECK(names(store, "librarian/2").empty());

  const auto scanned = *store.find("librarian/1");  // as a running scan would
  store.forget(first);
  store.forget(first);
  CHECK(store.bytes() == 0);
  CHECK(store.documents() == 0);
  CHECK(scanned.front()->rows.empty());
  CHECK(names(store, "librarian/*").empty());
  CHECK(store.append(second, 1, random_vector(96, random)));
}

TEST_CASE("a store too small for anything refuses everything") {
  for (const std::uint64_t bytes_max : {0U, 1U, 100U}) {
    MemoryStore store(bytes_max);
    CHECK(code_of(store.append(first, 1, std::vector<float>{1})) == ErrorCode::queue_full);
    CHECK(store.bytes() == 0);
  }
}

TEST_CASE("many agents remember and forget at once and the accounts come out even") {
  constexpr std::uint64_t bytes_max = 300'000;
  MemoryStore store(bytes_max);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&store, t] {
      Random random(t);
      for (int i = 0; i < 2000; ++i) {
        const AgentId agent{"librarian", std::to_string(random.below(6))};
        if (random.chance(0.01))
          store.forget(agent);
        else
          (void)store.append(agent, random.below(500), random_vector(16, random));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::uint64_t documents = 0;
  const auto memories = store.find("librarian/*");
  for (const auto& memory : *memories) {
    documents += memory->documents.size();
    CHECK(memory->rows.size() == memory->documents.size() * memory->width);
    CHECK(memory->row_of.size() == memory->documents.size());
  }
  CHECK(documents > 0);
  CHECK(store.documents() == documents);
  CHECK(store.bytes() <= bytes_max);
  for (int key = 0; key < 6; ++key) store.forget({"librarian", std::to_string(key)});
  CHECK(store.documents() == 0);
  CHECK(store.bytes() == 0);
}
