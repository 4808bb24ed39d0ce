#include "models/wordpiece.hpp"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/fnv1a.hpp"
#include "base/utf8.hpp"
#include "tests/catch.hpp"
#include "tests/models/files.hpp"

using troupe::append_utf8;
using troupe::fnv1a;
using namespace troupe::models;
using namespace troupe::models::test;
using troupe::ErrorCode;

namespace {

using Ids = std::vector<std::int32_t>;

WordPiece real_tokenizer(bool lower_case, std::uint32_t tokens_max) {
  auto made =
      WordPiece::make(read_all(real_model_folder() + "/vocab.txt"), {lower_case, tokens_max});
  REQUIRE(made);
  return std::move(*made);
}

// [PAD] is 0, and so on.
const std::string small_vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nable\n!\n";

WordPiece small_tokenizer(std::uint32_t tokens_max = 16) {
  auto made = WordPiece::make(small_vocabulary, {true, tokens_max});
  REQUIRE(made);
  return std::move(*made);
}

std::string error_of(std::string_view vocabulary) {
  const auto made = WordPiece::make(vocabulary, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::model_damaged);
  return made.error().what;
}

}  // namespace

TEST_CASE("ids are those of the reference on thousands of varied strings") {
  const auto golden = read_json_lines(data_path("tokenizer.jsonl"));
  REQUIRE(golden.size() > 2500);
  const auto folding = real_tokenizer(true, 256);
  const auto keeping = real_tokenizer(false, 256);
  std::size_t cased = 0;
  for (std::size_t i = 1; i < golden.size(); ++i) {
    const auto& line = golden[i];
    const auto text = line.at("text").get<std::string>();
    INFO("line " << i + 1 << ": " << line.at("text").dump(-1, ' ', true));
    const auto encoded = folding.encode(text);
    REQUIRE(encoded);
    CHECK(encoded->ids == line.at("ids").get<Ids>());
    CHECK(encoded->truncated == line.at("cut").get<bool>());
    if (!line.contains("cased")) continue;
    ++cased;
    CHECK(keeping.encode(text)->ids == line.at("cased").get<Ids>());
  }
  CHECK(cased > 500);
}

TEST_CASE("ids are those of the reference on each of Unicode's code points") {
  const auto head = read_json_lines(data_path("tokenizer.jsonl")).at(0);
  const auto tokenizer = real_tokenizer(true, 256);
  const auto block = head.at("block").get<char32_t>();
  const auto& hashes = head.at("hashes");
  REQUIRE(hashes.size() == 0x110000 / block);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::uint64_t hash = fnv1a("");
    const auto first = static_cast<char32_t>(i * block);
    for (char32_t c = first; c < first + block; ++c) {
      if (c >= 0xd800 && c < 0xe000) continue;
      std::string text = "a";
      append_utf8(text, c);
      text += "b ";
      append_utf8(text, c);
      const auto encoded = tokenizer.encode(text);
      if (!encoded) FAIL("character " << static_cast<unsigned>(c));
      const auto& ids = encoded->ids;
      hash = fnv1a({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0])}, hash);
    }
    char hex[17];
    std::snprintf(hex, sizeof(hex), "%016llx", static_cast<unsigned long long>(hash));
    INFO("the block from " << static_cast<unsigned>(first));
    CHECK(hashes[i].get<std::string>() == hex);
  }
}

TEST_CASE("the longest piece wins, and a word with a part that no piece covers is unknown") {
  const auto tokenizer = small_tokenizer();
  CHECK(tokenizer.encode("unaffable")->ids == Ids{2, 4, 5, 6, 3});
  CHECK(tokenizer.encode("Able! ünable")->ids == Ids{2, 7, 8, 4, 6, 3});
  CHECK(tokenizer.encode("unaffablex able")->ids == Ids{2, 1, 7, 3});
  CHECK(tokenizer.encode("")->ids == Ids{2, 3});
}

TEST_CASE("special tokens written in a text count as such, in their exact spelling only") {
  const auto tokenizer = small_tokenizer();
  CHECK(tokenizer.encode("un[SEP]able")->ids == Ids{2, 4, 3, 7, 3});
  CHECK(tokenizer.encode("[PAD][UNK]")->ids == Ids{2, 0, 1, 3});
  CHECK(tokenizer.encode("[sep]")->ids == Ids{2, 1, 1, 1, 3});
  // The reference knows [MASK] too, if the vocabulary does; this one does not.
  CHECK(tokenizer.encode("[MASK]")->ids == Ids{2, 1, 1, 1, 3});
}

TEST_CASE("a text over the limit is cut to it and says so") {
  const auto encode = [](std::uint32_t tokens_max, const char* text) {
    return *small_tokenizer(tokens_max).encode(text);
  };
  CHECK(encode(5, "able able able").ids == Ids{2, 7, 7, 7, 3});
  CHECK_FALSE(encode(5, "able able able").truncated);
  CHECK(encode(5, "able able able able").ids == Ids{2, 7, 7, 7, 3});
  CHECK(encode(5, "able able able able").truncated);
  CHECK(encode(4, "unaffable").ids == Ids{2, 4, 5, 3});
  CHECK(encode(4, "unaffable").truncated);
  CHECK(encode(3, "[SEP][SEP]").ids == Ids{2, 3, 3});
  CHECK(encode(3, "[SEP][SEP]").truncated);
  CHECK(encode(2, "able").ids == Ids{2, 3});
  CHECK(encode(2, "able").truncated);
  CHECK_FALSE(encode(2, " \t\n ").truncated);
}

TEST_CASE("text that is not UTF-8 is refused with the place, wherever it is") {
  const auto tokenizer = small_tokenizer(3);
  const auto encoded = tokenizer.encode("able able able \xff");
  REQUIRE_FALSE(encoded);
  CHECK(encoded.error().code == ErrorCode::malformed);
  CHECK(encoded.error().what == "the text is not UTF-8 at byte 15");
}

TEST_CASE("texts made to be slow are not") {
  // Each would take minutes if the work grew with the square of the length.
  const auto tokenizer = real_tokenizer(true, 256);
  const std::size_t bytes = 8UL * 1024 * 1024;
  CHECK(tokenizer.encode(std::string(bytes, '['))->ids.size() == 256);
  CHECK(tokenizer.encode(std::string(bytes, 'a'))->ids == Ids{101, 100, 102});
  CHECK(tokenizer.encode(std::string(bytes, ' '))->ids == Ids{101, 102});
  std::string marks = "a";
  for (std::size_t i = 0; i < bytes / 8; ++i) marks += "\xf0\x9d\x85\xad\xf0\x9d\x85\xa5";
  CHECK(tokenizer.encode(marks)->ids == Ids{101, 100, 102});
}

TEST_CASE("a vocabulary that cannot be right is refused, and says why") {
  CHECK(error_of("") == "the vocabulary has no [CLS]");
  CHECK(error_of("[PAD]\n[UNK]\n[CLS]\na\n") == "the vocabulary has no [SEP]");
  CHECK(error_of("[PAD]\n[SEP]\n[CLS]\na\n") == "the vocabulary has no [UNK]");
  CHECK(error_of("[UNK]\n[SEP]\n[CLS]\na\n") == "the vocabulary has no [PAD]");
  CHECK(error_of(small_vocabulary + "un\n") ==
        "the vocabulary repeats an earlier piece in line 10");
  CHECK(error_of(small_vocabulary + "##able\n") ==
        "the vocabulary repeats an earlier piece in line 10");
  CHECK(error_of(small_vocabulary + "\nun\n") == "the vocabulary has nothing in line 10");
}

TEST_CASE("a vocabulary may end its lines in any of the usual ways") {
  const auto unix_lines = WordPiece::make(small_vocabulary, {});
  std::string open_end = small_vocabulary;
  open_end.pop_back();
  std::string dos = small_vocabulary;
  for (std::size_t at = 0; (at = dos.find('\n', at)) != std::string::npos; at += 2)
    dos.insert(at, "\r");
  for (const auto& vocabulary : {open_end, dos}) {
    const auto made = WordPiece::make(vocabulary, {});
    REQUIRE(made);
    CHECK(made->vocabulary_size() == unix_lines->vocabulary_size());
    CHECK(made->encode("unable!")->ids == unix_lines->encode("unable!")->ids);
  }
}
