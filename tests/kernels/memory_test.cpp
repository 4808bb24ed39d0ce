#include "kernels/memory.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <thread>

#include "base/limits.hpp"
#include "kernels/bf16.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using kernels::Eviction;
using kernels::MemoryOptions;
using kernels::MemoryStore;
using kernels::RowFormat;
using kernels::test::random_vector;

namespace {

const AgentId first{"librarian", "1"};
const AgentId second{"librarian", "2"};
constexpr std::uint64_t plenty = 1 << 30;

using Numbers = std::vector<std::uint64_t>;

// The documents of librarian/1, in the order in which they make room.
Numbers documents_of(const MemoryStore& store) {
  const auto found = store.find("librarian/1");
  REQUIRE(found);
  if (found->empty()) return {};
  Numbers numbers;
  for (const auto slot : found->front()->in_order())
    numbers.push_back(found->front()->document(slot));
  return numbers;
}

// Row by row, of a memory whose slots are all taken.
std::vector<float> rows_of(const MemoryStore& store) {
  const auto found = store.find("librarian/1");
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  const auto& memory = *found->front();
  return {memory.f32_rows(), memory.f32_rows() + memory.slots() * memory.width()};
}

MemoryStore::Image image_of(Numbers documents, std::vector<float> rows) {
  return {first, rows.size() / documents.size(), std::move(documents), std::move(rows)};
}

ErrorCode code_of(const Status& status) {
  REQUIRE_FALSE(status);
  return status.error().code;
}

std::vector<std::string> names(const MemoryStore& store, std::string_view scope) {
  std::vector<std::string> result;
  const auto found = store.find(scope);
  REQUIRE(found);
  for (const auto& memory : *found) result.push_back(memory->name());
  return result;
}

}  // namespace

TEST_CASE("what an agent remembers is kept with unit length, in the order it came") {
  MemoryStore store(plenty);
  REQUIRE(store.append(first, 7, std::vector<float>{3, 4}));
  REQUIRE(store.append(first, 3, std::vector<float>{0, -1e-30F}));
  CHECK(documents_of(store) == Numbers{7, 3});
  CHECK(rows_of(store) == std::vector<float>{0.6F, 0.8F, 0.0F, -1.0F});
  CHECK(store.documents() == 2);
}

TEST_CASE("remembering a document again replaces its vector and takes no more room") {
  MemoryStore store(plenty);
  REQUIRE(store.append(first, 7, std::vector<float>{1, 0}));
  const auto bytes = store.bytes();
  REQUIRE(store.append(first, 7, std::vector<float>{0, 2}));
  CHECK(rows_of(store) == std::vector<float>{0, 1});
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
  CHECK(scanned.front()->slots() == 0);
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
        else if (random.chance(0.2))
          store.forget(agent, random.below(500));
        else
          (void)store.append(agent, random.below(500), random_vector(16, random));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::uint64_t documents = 0;
  const auto memories = store.find("librarian/*");
  for (const auto& memory : *memories) {
    documents += memory->size();
    CHECK(memory->in_order().size() == memory->size());
    CHECK(memory->slots() <= memory->capacity());
  }
  CHECK(documents > 0);
  CHECK(store.documents() == documents);
  CHECK(store.bytes() <= bytes_max);
  for (int key = 0; key < 6; ++key) store.forget({"librarian", std::to_string(key)});
  CHECK(store.documents() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("a single document is forgotten and its room is taken by the next") {
  MemoryStore store(plenty);
  for (const std::uint64_t document : {1U, 2U, 3U, 4U})
    REQUIRE(store.append(first, document, std::vector<float>{static_cast<float>(document), 0}));
  const auto bytes = store.bytes();
  CHECK(store.forget(first, 2));
  CHECK_FALSE(store.forget(first, 2));
  CHECK_FALSE(store.forget(second, 1));
  CHECK(documents_of(store) == Numbers{1, 3, 4});
  CHECK(store.documents() == 3);
  REQUIRE(store.append(first, 5, std::vector<float>{0, 9}));
  CHECK(store.bytes() == bytes);
  CHECK(rows_of(store) == std::vector<float>{1, 0, 0, 1, 1, 0, 1, 0});
  CHECK(documents_of(store) == Numbers{1, 3, 4, 5});
}

TEST_CASE("a memory goes with its last document and may come back with another width") {
  MemoryStore store(plenty);
  REQUIRE(store.append(first, 1, std::vector<float>{1, 0}));
  REQUIRE(store.append(first, 2, std::vector<float>{1, 0}));
  CHECK(store.forget(first, 1));
  CHECK(store.bytes() > 0);
  CHECK(store.forget(first, 2));
  CHECK(store.bytes() == 0);
  CHECK(names(store, "librarian/*").empty());
  CHECK(store.append(first, 1, std::vector<float>{1, 0, 0}));
}

TEST_CASE("a full memory forgets what was set first") {
  MemoryOptions options;
  options.documents_max = 3;
  MemoryStore store(plenty, options);
  for (const std::uint64_t document : {1U, 2U, 3U})
    REQUIRE(store.append(first, document, std::vector<float>{1, 0}));
  REQUIRE(store.append(first, 1, std::vector<float>{0, 1}));  // set anew: now 2 is the oldest
  const auto bytes = store.bytes();
  REQUIRE(store.append(first, 4, std::vector<float>{1, 0}));
  CHECK(documents_of(store) == Numbers{3, 1, 4});
  REQUIRE(store.append(first, 5, std::vector<float>{1, 0}));
  CHECK(documents_of(store) == Numbers{1, 4, 5});
  CHECK(store.documents() == 3);
  CHECK(store.bytes() == bytes);
  REQUIRE(store.append(second, 1, std::vector<float>{1, 0}));  // a limit for each memory
  CHECK(store.documents() == 4);
}

TEST_CASE("memories of one document, and of many, keep to their limit") {
  for (const std::size_t documents_max : {1U, 2U, 5U, 100U}) {
    MemoryOptions options;
    options.documents_max = documents_max;
    MemoryStore store(plenty, options);
    for (std::uint64_t document = 0; document < 300; ++document) {
      REQUIRE(store.append(first, document, std::vector<float>{1, 2}));
      REQUIRE(store.documents() == std::min<std::size_t>(document + 1, documents_max));
      REQUIRE(store.find("librarian/1")->front()->capacity() <= documents_max);
    }
    CHECK(documents_of(store).front() == 300 - documents_max);
  }
}

TEST_CASE("bf16 rows take half the room and each number moves by 2^-8 of itself at most") {
  MemoryOptions options;
  options.rows = RowFormat::bf16;
  MemoryStore store(plenty, options);
  MemoryStore wide(plenty);
  Random random(9);
  for (std::uint64_t document = 0; document < 40; ++document) {
    const auto vector = random_vector(384, random);
    REQUIRE(store.append(first, document, vector));
    REQUIRE(wide.append(first, document, vector));
  }
  CHECK(static_cast<double>(store.bytes()) < 0.55 * static_cast<double>(wide.bytes()));
  const auto rows = rows_of(wide);
  const auto* halves = store.find("librarian/1")->front()->bf16_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto half = static_cast<double>(kernels::from_bf16(halves[i]));
    const auto full = static_cast<double>(rows[i]);
    REQUIRE(std::abs(half - full) <= std::abs(full) / 256);
  }
}

TEST_CASE("halves take the room of f32 and give back every number as it was") {
  MemoryOptions options;
  options.rows = RowFormat::halves;
  MemoryStore store(plenty, options);
  // Any bits that a number of a unit vector may have, ties between two bfloat16s among them.
  Random random(10);
  std::vector<float> row;
  for (int i = 0; i < 4000; ++i) {
    auto bits = static_cast<std::uint32_t>(random.next());
    if (i % 3 == 0) bits = (bits & 0xffff0000U) | 0x8000U;
    const float value = std::bit_cast<float>(bits);
    row.push_back(std::abs(value) < 1e-3F ? value : 0x1.008p-8F * (i % 2 == 0 ? 1.0F : -1.0F));
  }
  double squares = 0;
  for (const float x : row) squares += static_cast<double>(x) * static_cast<double>(x);
  row.push_back(static_cast<float>(std::sqrt(1 - squares)));
  REQUIRE(store.restore({first, row.size(), {1}, row}));
  const auto& memory = *store.find("librarian/1")->front();
  std::vector<float> got(row.size());
  memory.read_row(0, got);
  for (std::size_t i = 0; i < row.size(); ++i) {
    REQUIRE(std::bit_cast<std::uint32_t>(got[i]) == std::bit_cast<std::uint32_t>(row[i]));
    const auto near = static_cast<double>(kernels::from_bf16(memory.bf16_rows()[i]));
    const auto full = static_cast<double>(row[i]);
    // Below the normal numbers the step is a fixed one.
    REQUIRE(std::abs(near - full) <= std::max(std::abs(full) / 256, 0x1p-134));
  }
  MemoryStore wide(plenty);
  REQUIRE(wide.restore({first, row.size(), {1}, row}));
  CHECK(store.bytes() == wide.bytes());
}

TEST_CASE("bfloat16 rounds to nearest, ties to even, and keeps what is no number") {
  using kernels::from_bf16;
  using kernels::to_bf16;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = from_bf16(static_cast<std::uint16_t>(bits));
    if (std::isnan(value))
      REQUIRE(std::isnan(from_bf16(to_bf16(value))));
    else
      REQUIRE(to_bf16(value) == bits);
  }
  CHECK(from_bf16(0x3f80) == 1.0F);
  CHECK(from_bf16(0xc049) == -3.140625F);
  CHECK(from_bf16(0x0001) == 0x1p-133F);
  CHECK(to_bf16(1.0F + 0x1p-8F) == to_bf16(1.0F));            // halfway, down to even
  CHECK(to_bf16(1.0F + 0x3p-8F) == to_bf16(1.0F + 0x4p-8F));  // halfway, up to even
  CHECK(to_bf16(1.0F + 0x1.01p-8F) == to_bf16(1.0F + 0x2p-8F));
  CHECK(std::isnan(from_bf16(to_bf16(std::bit_cast<float>(0x7f800001U)))));
  CHECK(std::isinf(from_bf16(to_bf16(std::numeric_limits<float>::max()))));
}

TEST_CASE("a memory is restored whole or not at all") {
  const auto good = image_of({4, 2}, {1, 0, 0.6F, 0.8F});
  MemoryStore store(plenty);
  REQUIRE(store.restore(good));
  CHECK(documents_of(store) == Numbers{4, 2});
  CHECK(rows_of(store) == good.rows);
  CHECK(store.documents() == 2);
  CHECK(code_of(store.restore(good)) == ErrorCode::invalid_argument);  // it is there already
  store.forget(first);
  CHECK(store.bytes() == 0);

  const float nan = std::nanf("");
  for (const auto& bad :
       {image_of({4, 4}, {1, 0, 0, 1}), image_of({4, 2}, {1, 0, 0, 2}),
        image_of({4, 2}, {1, 0, 0, nan}), image_of({4, 2}, {1, 0, 0, 0}),
        MemoryStore::Image{first, 2, {1}, {1, 0, 0, 1}}, MemoryStore::Image{first, 2, {}, {}},
        MemoryStore::Image{first, 0, {1}, {}}, MemoryStore::Image{{"a b", "c"}, 1, {1}, {1}}})
    CHECK(code_of(store.restore(bad)) == ErrorCode::invalid_argument);
  MemoryStore tiny(100);
  CHECK(code_of(tiny.restore(good)) == ErrorCode::queue_full);
  CHECK(store.bytes() + tiny.bytes() + store.documents() == 0);

  MemoryOptions options;
  options.documents_max = 1;
  MemoryStore narrow(plenty, options);
  REQUIRE(narrow.restore(good));
  CHECK(documents_of(narrow) == Numbers{2});
}
