// Memories in the GPU's memory: what is there is what the store holds, only what changed is
// brought, and where there is not enough room those scanned longest ago make some.
#include "kernels/cuda/resident_memories.hpp"

#include <map>

#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::cuda;
using cuda::emulation::EmulatedGpu;
using kernels::MemoryStore;

namespace {

constexpr std::size_t arena_bytes = std::size_t{4} << 20;
constexpr std::size_t width = 190;  // 784 bytes a row: no power of two fits

struct World {
  explicit World(kernels::RowFormat format = kernels::RowFormat::f32,
                 std::size_t bytes = arena_bytes)
      : store(std::uint64_t{64} << 20, options_of(format)) {
    REQUIRE(gpu.make_stream(false, &stream) == 0);
    auto opened = ResidentMemories::open(gpu, bytes);
    if (!opened) FAIL(opened.error().to_string());
    residents = std::move(*opened);
  }
  ~World() {
    residents.reset();
    gpu.free_stream(stream);
  }
  static kernels::MemoryOptions options_of(kernels::RowFormat format) {
    kernels::MemoryOptions options;
    options.rows = format;
    return options;
  }

  void append(const std::string& key, std::uint64_t first, std::uint64_t end) {
    for (auto i = first; i < end; ++i)
      REQUIRE(store.append({"librarian", key}, i, kernels::test::random_vector(width, random)));
  }

  // Brings the scope and compares what lies there with the store. Returns how many rows that took.
  Result<std::uint64_t> bring(const std::string& scope) {
    const auto before = residents->rows_brought();
    const auto memories = store.find(scope);
    REQUIRE(memories);
    const auto pieces = residents->begin_scan(*memories, stream);
    if (!pieces) return pieces.error();
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::vector<float>> there;
    for (const auto& piece : *pieces) {
      REQUIRE(piece.count <= recall_rows_per_tile);
      for (std::uint32_t i = 0; i < piece.count; ++i) {
        if (piece.slots[i].live == 0) continue;
        const float* const row = piece.rows + std::size_t{i} * recall_stride(width);
        const bool added = there
                               .emplace(std::pair(piece.memory, piece.slots[i].document),
                                        std::vector<float>(row, row + width))
                               .second;
        REQUIRE(added);
        for (std::size_t c = width; c < recall_stride(width); ++c) REQUIRE(row[c] == 0);
      }
    }
    std::size_t documents = 0;
    for (std::uint32_t number = 0; number < memories->size(); ++number) {
      const auto& memory = *(*memories)[number];
      documents += memory.size();
      for (const auto slot : memory.in_order()) {
        std::vector<float> row(width);
        memory.read_row(slot, row);
        const auto found = there.find({number, memory.document(slot)});
        REQUIRE(found != there.end());
        REQUIRE(found->second == row);
      }
    }
    REQUIRE(there.size() == documents);
    residents->end_scan(stream);
    return residents->rows_brought() - before;
  }

  EmulatedGpu gpu{0};
  Stream stream = nullptr;
  std::unique_ptr<ResidentMemories> residents;
  MemoryStore store;
  Random random{7};
};

}  // namespace

TEST_CASE("what the store holds is brought to the GPU once, and then what changed") {
  for (const auto format :
       {kernels::RowFormat::f32, kernels::RowFormat::bf16, kernels::RowFormat::halves}) {
    World world(format);
    world.append("1", 0, 2500);  // three full blocks and a bit
    world.append("2", 0, 3);
    CHECK(*world.bring("librarian/*") == 2503);
    CHECK(*world.bring("librarian/*") == 0);
    CHECK(*world.bring("librarian/1") == 0);
    // One that is replaced, one that is forgotten, and one in a slot that fell free.
    world.append("1", 1000, 1001);
    CHECK(*world.bring("librarian/*") == kernels::AgentMemory::block_slots);
    REQUIRE(world.store.forget({"librarian", "1"}, 70));
    CHECK(*world.bring("librarian/*") == kernels::AgentMemory::block_slots);
    world.append("1", 9000, 9001);
    CHECK(*world.bring("librarian/*") == kernels::AgentMemory::block_slots);
    world.append("2", 3, 5);
    CHECK(*world.bring("librarian/2") == 5);
    // It grows: what is in full blocks stays where it is, the last one is replaced.
    world.append("1", 2500, 2800);
    CHECK(*world.bring("librarian/1") <= 340);
    world.append("1", 2800, 4000);
    CHECK(*world.bring("librarian/1") <= 1400);
    CHECK(*world.bring("librarian/*") == 0);
    world.store.forget({"librarian", "1"});
    CHECK(*world.bring("librarian/*") == 0);
    world.append("1", 1, 2);
    CHECK(*world.bring("librarian/*") == 1);
  }
}

TEST_CASE("memories grow document by document, each scan sees all of them") {
  World world;
  for (std::uint64_t i = 0; i < 700; i += 1 + i / 10) {
    world.append("1", i, i + 1 + i / 10);
    world.append("2", 2 * i, 2 * i + 1);
    REQUIRE(world.bring("librarian/*"));
  }
}

TEST_CASE("memories scanned longest ago make room, forgotten ones first of all") {
  World world;
  const std::size_t each = 1300;  // 1 MiB: four fit
  for (const char* key : {"1", "2", "3", "4"}) {
    world.append(key, 0, each);
    CHECK(*world.bring(std::string("librarian/") + key) == each);
  }
  CHECK(*world.bring("librarian/1") == 0);
  world.append("5", 0, each);
  CHECK(*world.bring("librarian/5") == each);
  CHECK(*world.bring("librarian/1") == 0);
  CHECK(*world.bring("librarian/4") == 0);
  CHECK(*world.bring("librarian/2") == each);  // made room for the fifth; now the third does
  CHECK(*world.bring("librarian/3") == each);
  world.store.forget({"librarian", "3"});
  world.append("6", 0, each);
  CHECK(*world.bring("librarian/6") == each);
  for (const char* scope : {"librarian/2", "librarian/4", "librarian/1"})
    CHECK(*world.bring(scope) == 0);
}

TEST_CASE("a scope that is larger than the arena is refused and the others stay well") {
  World world;
  // Two fit; of the third two blocks of three, so that it is refused when it is half there.
  for (const char* key : {"1", "2", "3"}) world.append(key, 0, 1700);
  const auto refused = world.bring("librarian/*");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(refused.error().what.find("4MiB") != std::string::npos);
  for (int round = 0; round < 2; ++round) {
    for (const char* scope : {"librarian/3", "librarian/1", "librarian/2"})
      REQUIRE(world.bring(scope));
  }
  CHECK(*world.bring("librarian/1") == 0);
  // One that is too large for itself, which another one's growth found out.
  world.append("3", 1000, 6000);
  CHECK_FALSE(world.bring("librarian/3"));
  CHECK(world.bring("librarian/1"));
  world.store.forget({"librarian", "3"});
  world.append("3", 0, 20);
  CHECK(*world.bring("librarian/3") == 20);
}

TEST_CASE("a memory that was refused when half of its new room was taken is whole the next time") {
  World world;
  world.append("1", 0, 100);
  CHECK(*world.bring("librarian/1") == 100);
  world.append("0", 0, 4000);    // 3 MiB
  world.append("1", 100, 1700);  // three blocks, the first of them in place of the small one
  CHECK_FALSE(world.bring("librarian/*"));
  CHECK(*world.bring("librarian/1") == 1700);
}

TEST_CASE("ever more small memories come and go") {
  World world(kernels::RowFormat::f32, std::size_t{1} << 20);
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const auto key = std::to_string(i);
    world.append(key, 0, 1 + i % 7);
    REQUIRE(world.bring("librarian/" + key));
    if (i >= 20) world.store.forget({"librarian", std::to_string(i - 20)});
  }
  CHECK(world.residents->bytes_used() <= std::size_t{1} << 20);
}

TEST_CASE("an arena of nothing is refused") {
  EmulatedGpu gpu(0);
  const auto refused = ResidentMemories::open(gpu, 4096);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(gpu.held() == 0);
}
