// Files that nobody wrote in good faith: each is an error with a message, never a crash.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/random.hpp"
#include "config/toml.hpp"
#include "tests/catch.hpp"
#include "tests/config/config_text.hpp"

using namespace troupe;
using namespace troupe::config;
using namespace troupe::config::test;

namespace {

std::string repeated(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t depth_of(const TomlTable& table) {
  std::size_t deepest = 0;
  for (const auto& member : table)
    if (const auto* below = std::get_if<TomlTable>(&member.value.value))
      deepest = std::max(deepest, depth_of(*below));
  return deepest + 1;
}

class ScratchFile {
 public:
  explicit ScratchFile(const std::string& text) {
    const int descriptor = ::mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    REQUIRE(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(descriptor);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / "troupe-config-XXXXXX";
};

Error error_of(const std::string& path) {
  auto loaded = load_config(path, {});
  REQUIRE_FALSE(loaded);
  return loaded.error();
}

}  // namespace

TEST_CASE("bytes that are no text are refused with their place") {
  CHECK(starts_with(mistakes(std::string("[lanes]\n\0", 9)), "c.toml:2:1: "));
  CHECK(starts_with(mistakes("[cluster]\nname = \"\xff\""), "c.toml:2:"));
  CHECK(starts_with(mistakes("\x7f\x45LF\x02\x01\x01"), "c.toml:1:1: "));
}

TEST_CASE("nothing nests deeper than the limits, whichever way it is written") {
  const std::string deep_value = "x = " + repeated("[", 250) + repeated("]", 250);
  CHECK(contains(mistakes(deep_value), "maximum nested value depth"));
  const std::string deep_inline = "x = " + repeated("{a=", 100) + "1" + repeated("}", 100);
  CHECK(contains(mistakes(deep_inline), "maximum nested value depth"));
  CHECK(mistakes("[" + repeated("a.", 100'000) + "b]") ==
        "c.toml:1:1: the line is longer than 512 bytes");
  CHECK(mistakes("\n\n" + repeated("a.", 100'000) + "b = 1") ==
        "c.toml:3:1: the line is longer than 512 bytes");
  CHECK(contains(mistakes("[" + repeated("a.", 250) + "b]"), "c.toml:1:2: unknown table 'a'"));
}

TEST_CASE("the deepest tree within the limits is no danger to the stack") {
  const std::string dots = repeated("a.", 250);
  std::string deepest = "[" + dots + "a]\n";
  for (std::size_t i = 0; i < config_nesting_max / 2 - 1; ++i) deepest += dots + "b = [\n{";
  deepest += dots + "b = 1";
  for (std::size_t i = 0; i < config_nesting_max / 2 - 1; ++i) deepest += "}]";
  const auto tree = read_toml(deepest);
  REQUIRE(std::holds_alternative<TomlTable>(tree));
  CHECK(depth_of(std::get<TomlTable>(tree)) == config_depth_max + 1);
  CHECK(contains(mistakes(deepest), "c.toml:1:2: unknown table 'a'"));
}

TEST_CASE("texts that trip toml++'s own asserts are mistakes like others") {
  CHECK(starts_with(mistakes("a = 1\n[[[[\nb = 2"), "c.toml:2:"));
  CHECK(starts_with(mistakes(repeated("[", 500)), "c.toml:1:"));
  for (const std::string text :
       {"[[",     "[[]",    "[]",      "=",   "a",        "a=",   "a.=1",         ".a=1",
        "\"\"\"", "a=\"",   "a={",     "a=[", "[a",       "[[a]", "\xef\xbb\xbf", "a=0x",
        "a=1__0", "a=+inf", "a=1979-", "'",   "a=''''''", "\r",   "a=\\"})
    CHECK_FALSE(mistakes(text) == "fine");
}

TEST_CASE("a file of nothing but mistakes is told in a hundred lines") {
  std::string text = one_node + "[memory]\n";
  for (int i = 0; i < 50'000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  const auto told = mistakes(text);
  CHECK(std::count(told.begin(), told.end(), '\n') == 100);
  CHECK(told.substr(told.rfind('\n') + 1) == "and 49900 more");
}

TEST_CASE("a file may not declare nodes without end") {
  std::string text;
  for (int i = 0; i < 1100; ++i)
    text += "[node.n" + std::to_string(i) + "]\nurgent_port=" + std::to_string(2 * i + 1) +
            "\nordinary_port=" + std::to_string(2 * i + 2) + "\n";
  CHECK(mistakes(text).find("there are more than 1024 nodes, models and policies") !=
        std::string::npos);
}

TEST_CASE("what cannot be read is an io error that says why") {
  const auto folder = error_of("/");
  CHECK(folder.code == ErrorCode::io);
  CHECK(folder.what == "cannot read the config /: it is a folder");
  const auto missing = error_of("/nonexistent/x.toml");
  CHECK(missing.code == ErrorCode::io);
  CHECK(missing.what == "cannot read the config /nonexistent/x.toml: No such file or directory");
  CHECK_FALSE(missing.next_step.empty());
  const auto endless = error_of("/dev/zero");
  CHECK(endless.what == "cannot read the config /dev/zero: it is longer than 1MiB");
}

TEST_CASE("a file over the limit is refused, one at the limit is read") {
  std::string text = one_node;
  while (text.size() < config_bytes_max) text += "#\n";
  text.resize(config_bytes_max, '\n');
  const ScratchFile at_limit(text);
  CHECK(load_config(at_limit.path(), {}).has_value());
  const ScratchFile over(text + "#");
  CHECK(error_of(over.path()).what ==
        "cannot read the config " + over.path() + ": it is longer than 1MiB");
}

TEST_CASE("a file without permission is refused") {
  if (::geteuid() == 0) return;  // root reads everything
  const ScratchFile file(one_node);
  ::chmod(file.path().c_str(), 0);
  CHECK(error_of(file.path()).what ==
        "cannot read the config " + file.path() + ": Permission denied");
}

TEST_CASE("a damaged file is an error or a config, never a crash") {
  std::ifstream source(TROUPE_SOURCE_DIR "/configs/quickstart.toml");
  const std::string whole{std::istreambuf_iterator<char>(source), {}};
  REQUIRE(whole.size() > 1000);
  const std::string pieces[] = {"[",      "]",  "[[", "]]", "{",    "}",   "\"", "'''",
                                "\"\"\"", "=",  ".",  ",",  "\n",   "\r",  "#",  "\\",
                                "0x",     "1e", "-",  "_",  "\xff", "\xc3"};
  Random random(20'24);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole.substr(0, random.below(whole.size()) + 1);
    for (auto edits = random.below(4) + 1; edits > 0; --edits) {
      const auto at = random.below(text.size());
      const auto& piece = pieces[random.below(std::size(pieces))];
      if (random.chance(0.5))
        text.insert(at, piece);
      else
        text.replace(at, piece.size(), piece);
    }
    if (!load(text)) ++refused;
  }
  // Most: what only cuts or edits a comment, of which that file has many, is a config all the same.
  CHECK(refused > 1500);
}
