// troupe down FILE: ends a running cluster from outside: drains every node, then stops it.
#include <nlohmann/json.hpp>

#include "apps/draining.hpp"
#include "apps/verbs.hpp"
#include "base/clock.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

// Beside the config's stop_timeout: until a link that is gone is known to be.
constexpr Duration notice_limit = std::chrono::seconds(10);

struct Going {
  std::string node;
  bool drained = false;
  bool stopped = false;
  std::optional<Error> error;
};

json to_json(const Going& going) {
  json object = {{"node", going.node}, {"drained", going.drained}, {"stopped", going.stopped}};
  if (going.error)
    object["error"] = {{"code", name(going.error->code)}, {"what", going.error->what}};
  return object;
}

// All at once, so that none gives its tasks to one that is next.
void drain_all(std::vector<Going>& nodes, Duration timeout, Drainage& drainage) {
  for (auto& going : nodes)
    if (auto begun = drainage.ask(going.node, "drain"); !begun) going.error = begun.error();
  const Instant give_up = later(now(), timeout);
  for (auto& going : nodes) {
    if (going.error) continue;
    const auto empty = drainage.wait_empty(going.node, give_up);
    going.drained = empty.has_value();
    if (!empty) going.error = empty.error();
  }
}

void stop_all(std::vector<Going>& nodes, Duration timeout, Drainage& drainage) {
  std::vector<Going*> told;
  for (auto& going : nodes) {
    if (going.error && going.error->code == ErrorCode::unreachable) continue;
    if (auto asked = drainage.ask(going.node, "stop"); !asked)
      going.error = asked.error();
    else
      told.push_back(&going);
  }
  const Instant give_up = later(now(), timeout);
  for (Going* going : told) {
    going->stopped = drainage.wait_gone(going->node, give_up);
    if (!going->stopped)
      going->error = Error{ErrorCode::io, "it was asked to stop and is still there",
                           "its log says what it waits for"};
  }
}

int tell(const std::string& cluster, const std::vector<Going>& nodes, Output& output) {
  json list = json::array();
  int code = exit_ok;
  for (const auto& going : nodes) {
    std::string line = "  " + output.bold(going.node) + "  ";
    line += going.stopped ? "stopped" : "NOT STOPPED";
    if (going.error) {
      line += ": " + going.error->to_string();
      code = std::max(code, exit_code(going.error->code));
    }
    output.text(line);
    list.push_back(to_json(going));
  }
  output.object({{"cluster", cluster}, {"nodes", list}});
  return code;
}

}  // namespace

int run_down(const DownOptions& options, Output& output) {
  const auto timeout = timeout_of(options.timeout);
  if (!timeout) return output.fail(timeout.error());
  Interrupts interrupts;
  const auto reached = reach(options.config, "");
  if (!reached) return output.fail(reached.error());
  const config::Config& config = reached->cluster.config;
  // Whether anybody is there, before each absent node is waited for.
  constexpr Duration connect_limit = std::chrono::seconds(3);
  if (!reached->client->wait_connected("", connect_limit))
    return output.fail({ErrorCode::unreachable,
                        "no node of the cluster '" + config.cluster.name + "' answers",
                        "it is down already, or runs with another file, or its keys are others"});
  Drainage drainage(*reached->client, interrupts, output);
  std::vector<Going> nodes;
  for (const auto& node : reached->nodes) nodes.push_back({node, false, false, std::nullopt});
  output.progress("draining");
  drain_all(nodes, *timeout, drainage);
  output.progress("stopping");
  stop_all(nodes, config.up.stop_timeout + notice_limit, drainage);
  return tell(config.cluster.name, nodes, output);
}

}  // namespace troupe::apps
