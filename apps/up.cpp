// troupe up FILE: every node of the cluster, each as a child of this process, until Ctrl-C.
// SIGHUP makes it read the file again (up_changing.hpp).
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/interrupts.hpp"
#include "apps/log_keeper.hpp"
#include "apps/processes.hpp"
#include "apps/up_changing.hpp"
#include "apps/verbs.hpp"
#include "base/clock.hpp"

namespace troupe::apps {
namespace {

constexpr Duration supervise_interval = std::chrono::milliseconds(100);

void tell_ready(const Config& config, const ClusterProcesses& processes, Output& output) {
  nlohmann::json nodes = nlohmann::json::array();
  std::string text = output.bold("The cluster '" + config.cluster.name + "' is ready.");
  for (const auto& node : config.nodes) {
    const auto pid = processes.pid_of(node.name).value_or(0);
    const std::string machine = node.machine.empty() ? "" : " on " + node.machine;
    text += "\n  " + node.name + machine + "  " + node.host + " ports " +
            std::to_string(node.urgent_port) + ", " + std::to_string(node.ordinary_port) +
            "  pid " + std::to_string(pid);
    nodes.push_back({{"name", node.name}, {"pid", pid}});
    if (const auto http = http_of(config, node.name); !http.empty()) {
      text += "  " + std::string(http_scheme(config)) + http;
      nodes.back()["http"] = http;
    }
  }
  output.text(text + "\nCtrl-C stops it.");
  output.object({{"ready", true}, {"cluster", config.cluster.name}, {"nodes", nodes}});
}

// Where nodes' logs are kept; empty, and said once, where that cannot be.
std::string kept_logs_folder(const Config& config, Log& log) {
  const auto state = config::state_folder(config);
  std::error_code failed;
  if (state) std::filesystem::create_directories(*state + "/logs", failed);
  if (state && !failed) return *state + "/logs";
  log.warn("logs are not kept",
           state ? Error{ErrorCode::io,
                         "the folder " + *state + "/logs cannot be made: " + failed.message(),
                         "set XDG_STATE_HOME to a folder that you own"}
                 : state.error());
  return "";
}

}  // namespace

int run_up(const UpOptions& options, Output& output) {
  Interrupts interrupts(Interrupts::Hangups::are_told);
  let_writes_fail();
  ConfigOptions config = options.config;
  if (!options.record.empty()) config.set.push_back("scheduling.record=" + options.record);
  auto cluster = load_cluster(config);
  if (!cluster) return output.fail(cluster.error());
  const auto log = open_log(cluster->config, "");

  // Nodes write JSON, which can be merged; it is shown as the config says.
  config.set.emplace_back("log.format=json");
  const auto keeper = LogKeeper::start({kept_logs_folder(cluster->config, *log),
                                        log_format(cluster->config.log.format, stderr), stderr},
                                       *log);
  if (!keeper) return output.fail(keeper.error());

  auto processes = ClusterProcesses::start(
      cluster->config, {config.config, config.set, "", options.launcher, keeper->get()}, *log);
  if (!processes) return output.fail(processes.error());
  {
    auto client = open_client(*cluster);
    if (!client) return output.fail(client.error());
    if (auto ready = (*processes)->wait_ready(**client); !ready) return output.fail(ready.error());
  }
  tell_ready(cluster->config, **processes, output);
  if (!options.ready_file.empty() && !(std::ofstream(options.ready_file) << "ready\n"))
    return output.fail({ErrorCode::io, "cannot write " + options.ready_file, ""});

  bool whole = true;
  while (whole && !(*processes)->ended() && !interrupts.wait(supervise_interval)) {
    if (interrupts.take_hangup())
      whole = change_cluster(config, *cluster, **processes, interrupts, *log);
    whole = whole && (*processes)->supervise(now());
  }
  output.progress((*processes)->ended() ? "every node has ended, as it was asked to" : "stopping");
  const bool politely = (*processes)->stop();
  if (!whole)
    return output.fail(
        {ErrorCode::io, "a node died too often; the cluster was stopped", "its log says why"});
  return politely ? exit_ok : exit_failed;
}

}  // namespace troupe::apps
