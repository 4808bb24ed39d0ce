#include "bench/librarians/questions.hpp"

#include <fstream>

#include "base/limits.hpp"

namespace troupe::bench {

Result<std::vector<Question>> read_questions(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return Error{ErrorCode::io, "cannot read the questions in " + path,
                 "give a file with --questions"};
  std::vector<Question> questions;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const auto tab = line.find('\t');
    Question question{line.substr(0, tab), {}};
    if (question.text.empty() || question.text.size() > limits::text_bytes_max)
      return Error{ErrorCode::malformed,
                   path + ":" + std::to_string(number) + ": a question is empty or too long",
                   "write QUESTION<TAB>PACKAGE[,PACKAGE...]"};
    std::string expected = tab == std::string::npos ? "" : line.substr(tab + 1);
    while (!expected.empty()) {
      const auto comma = expected.find(',');
      if (comma != 0) question.expected.push_back(expected.substr(0, comma));
      expected = comma == std::string::npos ? "" : expected.substr(comma + 1);
    }
    questions.push_back(std::move(question));
  }
  if (questions.empty())
    return Error{ErrorCode::malformed, path + " holds no questions", "write one per line"};
  return questions;
}

}  // namespace troupe::bench
