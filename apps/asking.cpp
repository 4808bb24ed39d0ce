#include "apps/asking.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration connect_limit = std::chrono::seconds(3);  // for all nodes together
constexpr Duration answer_limit = std::chrono::seconds(3);   // for each

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return (names.size() == 1 ? "node " : "nodes ") + text;
}

}  // namespace

std::vector<std::string> Asked::silent_names() const {
  std::vector<std::string> names;
  for (const auto& one : silent) names.push_back(one.node);
  return names;
}

Result<Asked> ask_all(const Reached& reached, const std::string& verb, const std::string& body) {
  const Instant give_up = later(now(), connect_limit);
  Asked asked;
  for (const auto& node : reached.nodes) {
    const Duration left = std::max(Duration::zero(), give_up - now());
    if (auto up = reached.client->wait_connected(node, left); !up) {
      asked.silent.push_back({node, up.error()});
      continue;
    }
    const auto answered = reached.client->control(node, verb, body, answer_limit);
    if (!answered && answered.error().code == ErrorCode::not_found) continue;
    if (!answered && answered.error().code == ErrorCode::unreachable) {
      asked.silent.push_back({node, answered.error()});
      continue;
    }
    if (!answered) return answered.error();
    json answer = json::parse(*answered, nullptr, false);
    if (!answer.is_object())
      return Error{ErrorCode::malformed, "node '" + node + "' answered no JSON", ""};
    asked.answers.push_back(std::move(answer));
  }
  return asked;
}

Error nobody_knows(const Asked& asked, Error unknown) {
  if (asked.silent.empty()) return unknown;
  const bool one = asked.silent.size() == 1;
  return {ErrorCode::unreachable,
          unknown.what + " of those that answer; " + listed(asked.silent_names()) +
              (one ? " does not" : " do not") + ": " + asked.silent.front().why.what,
          asked.silent.front().why.next_step};
}

std::string silent_note(const Asked& asked) {
  if (asked.silent.empty()) return "";
  const bool one = asked.silent.size() == 1;
  return listed(asked.silent_names()) + (one ? " does not answer" : " do not answer");
}

}  // namespace troupe::apps
