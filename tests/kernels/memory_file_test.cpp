// Memory files: what was saved is there again, a crash leaves the old file or the new one, and
// damage costs what it touches and nothing else.
#include "kernels/memory_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/random.hpp"
#include "kernels/checksum.hpp"
#include "kernels/memory_format.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using test::random_vector;

namespace {

constexpr std::uint64_t plenty = 1 << 30;

// A new folder that goes away with its owner.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "troupe-memory-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string file() const { return path_ + "/memories"; }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::string path_;
};

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Everything a store knows, in an order that does not depend on slots.
using Known = std::map<std::string, std::vector<std::pair<std::uint64_t, std::string>>>;

Known known_to(const MemoryStore& store) {
  Known known;
  for (const auto& memory : store.all()) {
    std::vector<float> row(memory->width());
    for (const auto slot : memory->in_order()) {
      memory->read_row(slot, row);
      std::string bytes(row.size() * sizeof(float), '\0');
      std::memcpy(bytes.data(), row.data(), bytes.size());
      known[memory->name()].emplace_back(memory->document(slot), bytes);
    }
  }
  return known;
}

void fill(MemoryStore& store, int memories, int documents, std::uint64_t seed) {
  Random random(seed);
  for (int i = 0; i < memories; ++i) {
    const AgentId agent{"librarian", std::to_string(i)};
    const std::size_t width = 3 + static_cast<std::size_t>(i) * 2;
    for (int d = 0; d < documents; ++d)
      REQUIRE(store.append(agent, random.next(), random_vector(width, random)));
  }
}

MemoryStore make_store(RowFormat rows) {
  MemoryOptions options;
  options.rows = rows;
  return MemoryStore(plenty, options);
}

ErrorCode code_of(const Result<LoadedMemories>& loaded) {
  REQUIRE_FALSE(loaded);
  CHECK_FALSE(loaded.error().what.empty());
  return loaded.error().code;
}

// Loads damaged bytes and answers how many memories are missing; every other one must be there
// unharmed, and the loss must be reported.
std::size_t lost(const std::string& path, const Known& whole) {
  MemoryStore store(plenty);
  const auto loaded = load_memories(store, path);
  const auto known = known_to(store);
  if (!loaded) {
    REQUIRE(loaded.error().code != ErrorCode::internal);
    REQUIRE(known.empty());
    return whole.size();
  }
  REQUIRE_FALSE(loaded->problems.empty());
  REQUIRE(loaded->memories == known.size());
  for (const auto& [name, documents] : known) {
    REQUIRE(whole.contains(name));
    REQUIRE(whole.at(name) == documents);
  }
  return whole.size() - known.size();
}

}  // namespace

TEST_CASE("the checksum is CRC-32C") {
  const auto sum = [](const std::string& text) { return crc32c(std::as_bytes(std::span(text))); };
  CHECK(sum("") == 0);
  CHECK(sum("123456789") == 0xe3069283U);
  // RFC 3720, appendix B.4.
  CHECK(sum(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(sum(std::string(32, '\xff')) == 0x62a8ab43U);
  const std::string text = "a text that is longer than a few times eight";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto bytes = std::as_bytes(std::span(text));
    CHECK(crc32c(bytes.subspan(cut), crc32c(bytes.first(cut))) == sum(text));
  }
}

TEST_CASE("what was saved is there again, bit by bit and in its order") {
  const Folder folder;
  for (const RowFormat rows : {RowFormat::f32, RowFormat::bf16, RowFormat::halves}) {
    MemoryStore store = make_store(rows);
    fill(store, 5, 37, 1);
    // Free slots, and an order that is not that of the slots.
    const auto first = known_to(store).at("librarian/3");
    for (std::size_t i = 0; i < 10; ++i)
      REQUIRE(store.forget({"librarian", "3"}, first[3 * i].first));
    REQUIRE(store.append({"librarian", "3"}, first[1].first, std::vector<float>(9, 1.0F)));
    REQUIRE(store.append({"librarian", "3"}, 7, std::vector<float>(9, -1.0F)));
    REQUIRE(save_memories(store, folder.file()));
    CHECK(folder.files() == 1);

    MemoryStore again = make_store(rows);
    const auto loaded = load_memories(again, folder.file());
    REQUIRE(loaded);
    CHECK(loaded->problems.empty());
    CHECK(loaded->memories == 5);
    CHECK(loaded->documents == store.documents());
    CHECK(again.documents() == store.documents());
    CHECK(known_to(again) == known_to(store));
    CHECK(known_to(again).at("librarian/3").back().first == 7);
  }
}

TEST_CASE("a store of nothing is a file like others") {
  const Folder folder;
  REQUIRE(save_memories(MemoryStore(plenty), folder.file()));
  MemoryStore store(plenty);
  const auto loaded = load_memories(store, folder.file());
  REQUIRE(loaded);
  CHECK(loaded->memories == 0);
  CHECK(loaded->problems.empty());
}

TEST_CASE("f32 memories go into a bf16 store and back, rounded once") {
  const Folder folder;
  MemoryStore wide(plenty);
  fill(wide, 2, 20, 2);
  REQUIRE(save_memories(wide, folder.file()));
  MemoryStore narrow = make_store(RowFormat::bf16);
  REQUIRE(load_memories(narrow, folder.file())->problems.empty());
  REQUIRE(save_memories(narrow, folder.file()));
  MemoryStore back(plenty);
  REQUIRE(load_memories(back, folder.file())->problems.empty());
  MemoryStore twice = make_store(RowFormat::bf16);
  REQUIRE(save_memories(back, folder.file()));
  REQUIRE(load_memories(twice, folder.file())->problems.empty());
  CHECK(known_to(twice) == known_to(narrow));
  CHECK(known_to(back) != known_to(wide));
}

TEST_CASE("f32 memories pass through a store of halves unchanged") {
  const Folder folder;
  MemoryStore store(plenty);
  fill(store, 3, 20, 9);
  REQUIRE(save_memories(store, folder.file()));
  const auto bytes = read(folder.file());
  MemoryStore halves = make_store(RowFormat::halves);
  REQUIRE(load_memories(halves, folder.file())->problems.empty());
  CHECK(known_to(halves) == known_to(store));
  CHECK(halves.bytes() == store.bytes());
  REQUIRE(save_memories(halves, folder.file()));
  CHECK(read(folder.file()) == bytes);
}

TEST_CASE("a file cut short anywhere gives what stands before the cut, and says so") {
  const Folder folder;
  MemoryStore store(plenty);
  fill(store, 4, 6, 3);
  REQUIRE(save_memories(store, folder.file()));
  const auto whole = read(folder.file());
  const auto known = known_to(store);
  std::size_t lost_before = known.size();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("cut to " << length << " of " << whole.size() << " bytes");
    write(folder.file(), whole.substr(0, length));
    const auto now = lost(folder.file(), known);
    REQUIRE(now <= lost_before);  // more of the file never gives less
    lost_before = now;
  }
  CHECK(lost_before == 0);  // only the end was missing
  write(folder.file(), whole + std::string(8, 'x'));
  CHECK(lost(folder.file(), known) == 0);
}

TEST_CASE("a flipped bit costs the memory it is in, is reported, and costs no other") {
  const Folder folder;
  MemoryStore store(plenty);
  fill(store, 4, 6, 4);
  REQUIRE(save_memories(store, folder.file()));
  const auto whole = read(folder.file());
  const auto known = known_to(store);
  std::size_t cost_one = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at * 5 + at / 8) % 8));
    INFO("byte " << at);
    write(folder.file(), damaged);
    const auto now = lost(folder.file(), known);
    if (at < sizeof(memory_format::FileHeader))
      REQUIRE(now == known.size());
    else
      REQUIRE(now <= 1);
    cost_one += now == 1 ? 1 : 0;
  }
  CHECK(cost_one >= whole.size() - 16 - sizeof(memory_format::End));
}

TEST_CASE("noise in the middle of a file costs what it touches") {
  const Folder folder;
  MemoryStore store(plenty);
  fill(store, 6, 8, 5);
  REQUIRE(save_memories(store, folder.file()));
  const auto whole = read(folder.file());
  const auto known = known_to(store);
  Random random(5);
  for (int round = 0; round < 300; ++round) {
    auto damaged = whole;
    const auto length = 1 + random.below(100);
    const auto at = 16 + random.below(whole.size() - 16 - length);
    bool same = true;
    for (auto i = at; i < at + length; ++i) {
      damaged[i] = static_cast<char>(random.next());
      same = same && damaged[i] == whole[i];
    }
    if (same) continue;
    write(folder.file(), damaged);
    INFO("round " << round);
    REQUIRE(lost(folder.file(), known) <= 2);  // shorter than a record: two neighbours at most
  }
}

TEST_CASE("lengths that are lies take no memory and end no process") {
  using namespace memory_format;
  const Folder folder;
  const auto bytes_of = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const auto sealed = [&](auto header) {
    header.checksum = checksum_of(header);
    return bytes_of(header);
  };
  RecordHeader honest;
  honest.name_bytes = 3;
  honest.width = 2;
  honest.row_format = 1;
  honest.documents = 1;
  const auto check = [&](const auto& change, const std::string& body) {
    RecordHeader header = honest;
    change(header);
    header.body_checksum = crc32c(std::as_bytes(std::span(body)));
    write(folder.file(), sealed(FileHeader{}) + sealed(header) + body + sealed(End{}));
    MemoryStore store(plenty);
    const auto loaded = load_memories(store, folder.file());
    REQUIRE(loaded);
    CHECK_FALSE(loaded->problems.empty());
    CHECK(store.bytes() == 0);
  };
  const float zero[] = {0, 0};
  const auto body = [&](const std::string& name, const auto& row) {
    return name + std::string(8 - name.size(), '\0') + std::string(8, '\1') + bytes_of(row);
  };
  const auto nothing = [](RecordHeader&) {};
  check(nothing, body("a/b", zero));  // no direction
  const float poison[] = {std::nanf(""), 0};
  check(nothing, body("a/b", poison));
  const float unit[] = {1, 0};
  check(nothing, body("a b", unit));
  check([](RecordHeader& h) { h.documents = ~0ULL; }, body("a/b", unit));
  check([](RecordHeader& h) { h.documents = 1ULL << 31; }, body("a/b", unit));
  check([](RecordHeader& h) { h.documents = 0; }, body("a/b", unit));
  check([](RecordHeader& h) { h.width = ~0U; }, body("a/b", unit));
  check([](RecordHeader& h) { h.width = 0; }, body("a/b", unit));
  check([](RecordHeader& h) { h.name_bytes = ~0U; }, body("a/b", unit));
  check([](RecordHeader& h) { h.row_format = 9; }, body("a/b", unit));

  FileHeader later;
  later.version = 2;
  write(folder.file(), sealed(later) + sealed(End{}));
  MemoryStore store(plenty);
  CHECK(code_of(load_memories(store, folder.file())) == ErrorCode::unsupported);
  write(folder.file(), "");
  CHECK(code_of(load_memories(store, folder.file())) == ErrorCode::malformed);
  CHECK(code_of(load_memories(store, folder.file() + "/x")) != ErrorCode::internal);
  CHECK(code_of(load_memories(store, folder.file() + "-not")) == ErrorCode::not_found);
}

TEST_CASE("what does not fit or is there already is a problem of its own") {
  const Folder folder;
  MemoryStore store(plenty);
  fill(store, 3, 5, 6);
  REQUIRE(save_memories(store, folder.file()));
  MemoryStore other(plenty);
  REQUIRE(other.append({"librarian", "1"}, 1, std::vector<float>{1}));
  const auto loaded = load_memories(other, folder.file());
  REQUIRE(loaded);
  REQUIRE(loaded->problems.size() == 1);
  CHECK(loaded->problems[0].code == ErrorCode::invalid_argument);
  CHECK(loaded->memories == 2);
  CHECK(known_to(other).at("librarian/1").size() == 1);

  MemoryStore small(2000);
  const auto some = load_memories(small, folder.file());
  REQUIRE(some);
  CHECK_FALSE(some->problems.empty());
  CHECK(some->problems[0].code == ErrorCode::queue_full);
  CHECK(small.bytes() <= 2000);
}

TEST_CASE("a process that dies at any byte of a saving leaves the old file") {
  const Folder folder;
  MemoryStore before(plenty);
  fill(before, 3, 5, 7);
  REQUIRE(save_memories(before, folder.file()));
  MemoryStore after(plenty);
  fill(after, 3, 9, 8);
  const auto old_file = read(folder.file());
  REQUIRE(save_memories(after, folder.file() + "2"));
  const auto size = read(folder.file() + "2").size();

  for (const bool fatal : {true, false}) {
    for (std::size_t limit = 0; limit < size; limit += fatal ? 97 : 301) {
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        // The system kills us at the byte over the limit, or refuses it where we ignore the signal.
        const rlimit bytes{limit, limit};
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::setrlimit(RLIMIT_FSIZE, &bytes);
        std::signal(SIGXFSZ, fatal ? SIG_DFL : SIG_IGN);
        const auto saved = save_memories(after, folder.file());
        ::_exit(!saved && saved.error().code == ErrorCode::io ? 3 : 4);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      if (fatal)
        CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ));
      else
        CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 3));
      REQUIRE(read(folder.file()) == old_file);
    }
  }
  // What a dead process left beside the file is no hindrance.
  REQUIRE(save_memories(after, folder.file()));
  CHECK(read(folder.file()) == read(folder.file() + "2"));
  CHECK_FALSE(std::filesystem::exists(folder.file() + ".partial"));
}

TEST_CASE("a saving that cannot begin says why and leaves nothing") {
  const Folder folder;
  const MemoryStore store(plenty);
  const auto nowhere = save_memories(store, folder.file() + "/no/such");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == ErrorCode::not_found);
  std::filesystem::create_directory(folder.file());
  const auto onto_folder = save_memories(store, folder.file());
  REQUIRE_FALSE(onto_folder);
  CHECK(onto_folder.error().code == ErrorCode::io);
  CHECK(folder.files() == 1);
}
