// One task's explanation as JSON: the answer to the control verb "explain". docs/operations.md says
// what each field means.
#pragma once

#include <string>

#include "actors/explanations.hpp"

namespace troupe::actors {

struct ExplainedNames {  // what the explanation's numbers stand for on this node
  std::string node;
  std::string model;
  std::string tenant;
  std::string workflow;
};

std::string to_json(const Explanation& one, const ExplainedNames& names);

}  // namespace troupe::actors
