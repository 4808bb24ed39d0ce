// What the librarians' scenario shows at the end: one screen for people, one JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "bench/librarians/scenario.hpp"

namespace troupe::bench {

struct NamedLoad {
  std::string name;  // "lanes and batching"
  LoadReport load;
};

struct ScenarioReport {
  const ScenarioOptions* options = nullptr;
  const Library* library = nullptr;
  const std::vector<Question>* questions = nullptr;
  std::vector<NamedLoad> loads;  // the first is the configuration as it stands
  std::vector<AnswerReport> answers;
};

// `shown` questions are printed with their best answers.
std::string to_screen(const ScenarioReport& report, std::size_t shown);
std::string to_json(const ScenarioReport& report);

// Of the questions whose right document is known: how many, and how many found it among the hits.
struct AnswerScore {
  std::size_t known = 0;
  std::size_t found = 0;
};
AnswerScore score(const ScenarioReport& report);

}  // namespace troupe::bench
