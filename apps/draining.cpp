#include "apps/draining.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration answer_limit = std::chrono::seconds(3);
constexpr Duration look_interval = std::chrono::milliseconds(50);

Error interrupted_error() {
  return {ErrorCode::canceled, "it was interrupted", ""};
}

// What is missing for the node to count as back; empty: nothing.
std::string missing_of(const std::string& node, const std::vector<std::string>& links,
                       const json& status) {
  if (status.value("draining", false)) return "node '" + node + "' drains";
  if (!status.value("ready", false)) return "node '" + node + "' is not ready";
  const json up = status.value("peers_up", json::object());
  for (const auto& peer : links)
    if (peer != node && !up.value(peer, false))
      return "node '" + node + "' has no link to '" + peer + "'";
  return "";
}

}  // namespace

Left left_of(const json& answer) {
  const json left = answer.value("left", json::object());
  return {left.value("tasks", std::uint64_t{0}), left.value("agents", std::uint64_t{0}),
          left.value("requests", std::uint64_t{0})};
}

std::string describe(const Left& left) {
  if (left.empty()) return "nothing left";
  std::string words;
  const auto add = [&](std::uint64_t count, const std::string& what) {
    if (count != 0) words += (words.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  };
  add(left.tasks, "tasks of clients and other nodes");
  add(left.agents, "tasks and letters in agents' hands");
  add(left.requests, "requests over HTTP");
  return words + " left";
}

Result<Duration> timeout_of(const std::string& text) {
  auto limit = parse_duration(text);
  if (!limit)
    return Error{ErrorCode::invalid_argument, "--timeout: " + limit.error().what,
                 limit.error().next_step};
  return *limit;
}

Result<json> Drainage::ask(const std::string& node, const std::string& verb,
                           const std::string& body) {
  if (auto up = client_.wait_connected(node, answer_limit); !up) return up.error();
  return apps::ask(client_, node, verb, body, answer_limit);
}

bool Drainage::interrupted() {
  return interrupts_.wait(look_interval);
}

Result<json> Drainage::wait_empty(const std::string& node, Instant give_up) {
  while (true) {
    auto status = ask(node, "status");
    if (!status) return status.error();
    if (!status->value("draining", false))
      return Error{ErrorCode::canceled, "node '" + node + "' does not drain any more",
                   "somebody has taken it back into service, or it was started anew; troupe status "
                   "shows it"};
    const Left left = left_of(*status);
    if (left.empty()) return status;
    const std::string line = "node '" + node + "': " + describe(left);
    if (line != std::exchange(told_, line)) output_.progress(line);
    if (now() >= give_up)
      return Error{ErrorCode::expired,
                   "node '" + node + "' is not empty in time: " + describe(left), ""};
    if (interrupted()) return interrupted_error();
  }
}

bool Drainage::wait_gone(const std::string& node, Instant give_up) {
  while (client_.wait_connected(node, Duration::zero()))
    if (now() >= give_up || interrupted()) return false;
  return true;
}

Result<json> Drainage::wait_whole(const Whole& wanted, const std::string& back, std::uint64_t epoch,
                                  Instant give_up) {
  while (true) {
    std::string missing;
    json found;
    for (const auto& name : wanted.nodes) {
      json status;
      if (client_.wait_connected(name, look_interval))
        if (auto answer = ask(name, "status")) status = std::move(*answer);
      if (status.is_null())
        missing = "node '" + name + "' does not answer";
      else if (name == back && status.value("epoch", std::uint64_t{0}) == epoch)
        missing = "node '" + name + "' has not ended";
      else
        missing = missing_of(name, wanted.links, status);
      if (!missing.empty()) break;
      if (name == back) found = std::move(status);
    }
    if (missing.empty()) return found;
    if (now() >= give_up) return Error{ErrorCode::expired, missing, ""};
    if (missing != std::exchange(told_, missing)) output_.progress("waiting: " + missing);
    if (interrupted()) return interrupted_error();
  }
}

}  // namespace troupe::apps
