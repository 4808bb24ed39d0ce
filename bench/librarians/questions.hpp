// The readers' questions: a TSV file of question and expected document ("ffmpeg", or several
// separated by commas when each would be right, or nothing when there is no single right answer).
// Lines that start with '#' are comments.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace troupe::bench {

struct Question {
  std::string text;
  std::vector<std::string> expected;  // names of documents; empty: unknown
};

// Errors: io; malformed with the line.
Result<std::vector<Question>> read_questions(const std::string& path);

}  // namespace troupe::bench
