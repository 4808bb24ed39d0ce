#include "scheduler/placement.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "tests/catch.hpp"

using troupe::scheduler::home_of;

namespace {
std::string home(int agent, const std::vector<std::string>& nodes) {
  return nodes[home_of("librarian/" + std::to_string(agent), nodes)];
}
}  // namespace

TEST_CASE("an agent's home does not depend on the order of the nodes") {
  std::vector<std::string> nodes = {"a", "b", "c", "d"};
  std::vector<std::string> reversed(nodes.rbegin(), nodes.rend());
  for (int agent = 0; agent < 1000; ++agent) CHECK(home(agent, nodes) == home(agent, reversed));
}

TEST_CASE("agents spread evenly over the nodes") {
  const std::vector<std::string> nodes = {"a", "b", "c"};
  std::map<std::string, int> count;
  for (int agent = 0; agent < 3000; ++agent) ++count[home(agent, nodes)];
  for (const auto& node : nodes) {
    CHECK(count[node] > 850);
    CHECK(count[node] < 1150);
  }
}

TEST_CASE("when a node leaves, only its own agents move") {
  const std::vector<std::string> before = {"a", "b", "c"};
  const std::vector<std::string> after = {"a", "c"};
  for (int agent = 0; agent < 1000; ++agent) {
    if (home(agent, before) != "b") CHECK(home(agent, after) == home(agent, before));
  }
}

TEST_CASE("homes are the same on every machine and in every release") {
  // A changed hash would move every agent of a running cluster during an upgrade.
  const std::vector<std::string> nodes = {"node-a", "node-b"};
  std::string homes;
  for (int agent = 0; agent < 16; ++agent) homes += home(agent, nodes).back();
  CHECK(homes == "bbbbabbbbaabbaaa");
}
