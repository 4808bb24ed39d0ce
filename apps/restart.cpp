// troupe restart NODE FILE, troupe restart --rolling FILE: nodes drained, ended, started anew by
// whoever minds their processes, and waited for; one after the other.
#include <nlohmann/json.hpp>

#include "apps/draining.hpp"
#include "apps/verbs.hpp"
#include "base/clock.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

// How long a cluster may take that has just been started until all nodes are linked.
constexpr Duration link_limit = std::chrono::seconds(10);

struct Restart {
  const Cluster& cluster;
  Drainage& drainage;
  Output& output;
  std::vector<std::string> all;  // of the cluster
  bool rolling = false;          // all have to be well when one is back
  Duration timeout{};
};

// A node that was not restarted goes on as before.
Error take_back(Restart& restart, const std::string& node, Error why) {
  const auto back = restart.drainage.ask(node, "undrain");
  why.next_step = back
                      ? "it is back in service, as it was; see what it does with troupe status, or "
                        "allow it more time with --timeout"
                      : "it may still drain: troupe undrain " + node;
  return why;
}

// What has to be well before a node counts as back. One that is restarted by itself may be part of
// a cluster that is not whole: then it needs the links that it had.
Drainage::Whole wanted_of(const Restart& restart, const std::string& node, const json& before) {
  if (restart.rolling) return {restart.all, restart.all};
  Drainage::Whole wanted{{node}, {}};
  const json up = before.value("peers_up", json::object());
  for (const auto& peer : restart.all)
    if (up.value(peer, false)) wanted.links.push_back(peer);
  return wanted;
}

Result<json> restart_one(Restart& restart, const std::string& node) {
  const auto before = restart.drainage.ask(node, "status");
  if (!before) return before.error();
  if (auto begun = restart.drainage.ask(node, "drain"); !begun) return begun.error();
  const auto epoch = before->value("epoch", std::uint64_t{0});
  const Instant begin = now();
  restart.output.progress("node '" + node + "': draining");
  if (const auto empty = restart.drainage.wait_empty(node, later(begin, restart.timeout)); !empty)
    return take_back(restart, node, empty.error());
  const Instant drained = now();
  if (const auto asked = restart.drainage.ask(node, "stop", "restart"); !asked)
    return take_back(restart, node, asked.error());
  restart.output.progress("node '" + node + "': starts anew");
  const config::UpConfig& up = restart.cluster.config.up;
  const auto status =
      restart.drainage.wait_whole(wanted_of(restart, node, *before), node, epoch,
                                  later(drained, up.stop_timeout + up.start_timeout));
  if (!status)
    return Error{
        status.error().code == ErrorCode::canceled ? ErrorCode::canceled : ErrorCode::unreachable,
        "node '" + node + "' was asked to start anew and has not come back: " + status.error().what,
        "its log says why; it ends with exit code 5, and troupe up or a process manager has "
        "to start it again; raise up.start_timeout if it needs more time"};
  const auto seconds = [](Duration time) { return static_cast<double>(time.count()) / 1e9; };
  restart.output.text("  " + restart.output.bold(node) + "  drained in " +
                      human_duration(drained - begin) + ", back after " +
                      human_duration(now() - drained));
  return json{{"node", node},
              {"epoch_before", epoch},
              {"epoch", status->value("epoch", std::uint64_t{0})},
              {"drain_s", seconds(drained - begin)},
              {"away_s", seconds(now() - drained)}};
}

// All of the cluster has to be well before anything is taken from it.
Status check_whole(Restart& restart) {
  for (const auto& node : restart.all)
    if (auto status = restart.drainage.ask(node, "status"); !status)
      return Error{status.error().code, status.error().what + "; nothing was restarted",
                   "bring it back first, or restart nodes one by one: troupe restart NODE"};
  const auto whole =
      restart.drainage.wait_whole({restart.all, restart.all}, "", 0, later(now(), link_limit));
  if (!whole)
    return Error{ErrorCode::io, whole.error().what + "; nothing was restarted",
                 "troupe status shows it; mend it first, or restart nodes one by one: troupe "
                 "restart NODE"};
  return {};
}

int restart_each(Restart& restart, const std::vector<std::string>& nodes, Output& output) {
  json done = json::array();
  std::string names;
  for (const auto& node : nodes) {
    auto one = restart_one(restart, node);
    if (!one) {
      Error error = one.error();
      if (nodes.size() > 1)
        error.what += "; restarted before it: " + (names.empty() ? "none" : names);
      return output.fail(error);
    }
    names += (names.empty() ? "" : ", ") + node;
    done.push_back(std::move(*one));
  }
  output.object({{"cluster", restart.cluster.config.cluster.name}, {"restarted", done}});
  return exit_ok;
}

}  // namespace

int run_restart(const RestartOptions& given, Output& output) {
  ConfigOptions config = given.config;
  std::vector<std::string> words = given.words;
  std::string node;
  if (!given.rolling && !words.empty()) {
    node = words.front();
    words.erase(words.begin());
  }
  if (given.rolling == !node.empty() || words.size() > 1)
    return output.fail({ErrorCode::invalid_argument,
                        given.rolling ? "--rolling restarts every node, and takes no name of one"
                                      : "which node is to be restarted?",
                        "troupe restart NODE FILE, or troupe restart --rolling FILE"});
  if (!words.empty()) config.config = words.front();
  const auto timeout = timeout_of(given.timeout);
  if (!timeout) return output.fail(timeout.error());

  Interrupts interrupts;
  const auto reached = reach(config, node);
  if (!reached) return output.fail(reached.error());
  Drainage drainage(*reached->client, interrupts, output);
  const auto all = choose_nodes(reached->cluster.config, "");
  Restart restart{reached->cluster, drainage, output, *all, given.rolling, *timeout};
  if (given.rolling)
    if (auto whole = check_whole(restart); !whole) return output.fail(whole.error());
  return restart_each(restart, reached->nodes, output);
}

}  // namespace troupe::apps
