#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "base/fnv1a.hpp"
#include "base/utf8.hpp"
#include "models/bert_normalizer.hpp"
#include "tests/catch.hpp"
#include "tests/models/files.hpp"

using troupe::append_utf8;
using troupe::fnv1a;
using troupe::next_character;
using namespace troupe::models;
using namespace troupe::models::test;

namespace {

std::string hex(std::uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace

TEST_CASE("each of Unicode's code points is normalized as the reference does it") {
  const auto golden = read_json_lines(data_path("normalizer.jsonl"));
  const auto& head = golden.at(0);
  const auto block = head.at("block").get<char32_t>();
  REQUIRE(head.at("hashes").at("folded").size() == 0x110000 / block);
  for (const bool folding : {true, false}) {
    const auto& hashes = head.at("hashes").at(folding ? "folded" : "kept");
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      std::uint64_t hash = fnv1a("");
      const auto first = static_cast<char32_t>(i * block);
      for (char32_t c = first; c < first + block; ++c) {
        if (c >= 0xd800 && c < 0xe000) continue;
        std::string text = "a";
        append_utf8(text, c);
        hash = fnv1a(normalize_for_bert(text + "b", folding) + "\n", hash);
      }
      INFO("the block from " << static_cast<unsigned>(first) << (folding ? ", folded" : ", kept"));
      CHECK(hex(hash) == hashes[i].get<std::string>());
    }
  }
}

TEST_CASE("each pair of marks is put in canonical order") {
  const auto head = read_json_lines(data_path("normalizer.jsonl")).at(0);
  const auto joined = head.at("marks").get<std::string>();
  std::vector<std::string> marks;
  for (std::size_t at = 0; at < joined.size();) {
    const std::size_t begin = at;
    next_character(joined, at);
    marks.push_back(joined.substr(begin, at - begin));
  }
  REQUIRE(marks.size() > 50);
  REQUIRE(head.at("pairs").size() == marks.size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    std::uint64_t hash = fnv1a("");
    for (const auto& second : marks)
      hash = fnv1a(normalize_for_bert("a" + marks[i] + second, true) + "\n", hash);
    INFO("mark " << i << " before each of them");
    CHECK(hex(hash) == head.at("pairs")[i].get<std::string>());
  }
}

TEST_CASE("runs of marks and letters are put in canonical order") {
  const auto golden = read_json_lines(data_path("normalizer.jsonl"));
  REQUIRE(golden.size() >= 400);
  for (std::size_t i = 1; i < golden.size(); ++i) {
    const auto text = golden[i].at(0).get<std::string>();
    INFO("line " << i + 1 << ": " << golden[i].dump(-1, ' ', true));
    CHECK(normalize_for_bert(text, true) == golden[i].at(1).get<std::string>());
    CHECK(normalize_for_bert(text, false) == golden[i].at(2).get<std::string>());
  }
}

TEST_CASE("a model with case keeps case and accents") {
  CHECK(normalize_for_bert("Crème\tBrûlée", false) == "Crème Brûlée");
  CHECK(normalize_for_bert("Crème\tBrûlée", true) == "creme brulee");
}
