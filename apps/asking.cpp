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
    auto answer = ask(*reached.client, node, verb, body, answer_limit);
    if (answer) {
      asked.answers.push_back(std::move(*answer));
      continue;
    }
    if (answer.error().code == ErrorCode::not_found) continue;
    if (answer.error().code != ErrorCode::unreachable) return answer.error();
    asked.silent.push_back({node, answer.error()});
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

std::string text_of(const json& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : "";
}

std::uint64_t count_of(const json& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

bool flag_of(const json& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_boolean() && found->get<bool>();
}

std::optional<Duration> duration_of(const json& answer, const char* key) {
  const auto found = answer.find(key);
  if (found == answer.end() || !found->is_number()) return std::nullopt;
  return Duration{static_cast<Duration::rep>(found->get<double>() * 1e6)};
}

}  // namespace troupe::apps
