#include "bench/librarians/questions.hpp"

#include <cstdio>
#include <fstream>
#include <set>

#include "bench/librarians/report.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench;

namespace {
Result<std::vector<Question>> read(const std::string& content) {
  const std::string path = TROUPE_BINARY_DIR "/questions_test.tsv";
  std::ofstream(path, std::ios::binary) << content;
  auto questions = read_questions(path);
  std::remove(path.c_str());
  return questions;
}
}  // namespace

TEST_CASE("questions are read with what is expected of them") {
  const auto questions = read("# a comment\nHow?\tone,two\r\n\nWhy?\nWho?\t\n");
  REQUIRE(questions);
  REQUIRE(questions->size() == 3);
  CHECK((*questions)[0].text == "How?");
  CHECK((*questions)[0].expected == std::vector<std::string>{"one", "two"});
  CHECK((*questions)[1].expected.empty());
  CHECK((*questions)[2].expected.empty());
}

TEST_CASE("files without questions are errors") {
  CHECK(read("").error().code == ErrorCode::malformed);
  CHECK(read("# only this\n").error().code == ErrorCode::malformed);
  CHECK(read("\tpackage\n").error().code == ErrorCode::malformed);
  CHECK(read_questions("/nonexistent").error().code == ErrorCode::io);
}

TEST_CASE("the readers' own questions: forty with a known answer, none asked twice") {
  const auto questions = read_questions(TROUPE_SOURCE_DIR "/configs/questions.tsv");
  REQUIRE(questions);
  std::set<std::string> texts;
  std::size_t known = 0;
  for (const auto& question : *questions) {
    CHECK(texts.insert(question.text).second);
    known += question.expected.empty() ? 0 : 1;
  }
  CHECK(known >= 40);
}

TEST_CASE("the score counts questions whose expected answer was among the hits") {
  const std::vector<Question> questions = {{"a", {"x"}}, {"b", {"y"}}, {"c", {}}};
  ScenarioReport report;
  report.questions = &questions;
  report.answers = {{0, {}, "", {}, 3}, {1, {}, "", {}, 0}, {2, {}, "", {}, 0}};
  CHECK(score(report).known == 2);
  CHECK(score(report).found == 1);
}
