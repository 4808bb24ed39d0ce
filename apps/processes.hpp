// A cluster as children of this process: starts `troupe node` for every node of the config, here or
// on its machine (launcher.hpp), restarts those that die (with back-off and a budget), stops all of
// them.
//
// A child dies with its parent (PR_SET_PDEATHSIG), and a node elsewhere with its standard input, so
// that nothing is left behind, whatever happens to the parent. One thread owns it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/restart_budget.hpp"
#include "apps/launcher.hpp"
#include "apps/log_keeper.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "client/client.hpp"
#include "config/config.hpp"

namespace troupe::apps {

using config::Config;

struct ProcessOptions {
  std::string config_path;
  std::vector<std::string> overrides;  // --set, handed on to every node
  std::string log_folder;              // NODE.log in it; empty: the parent's stderr
  Launcher launcher = Launcher::local;
  LogKeeper* keeper = nullptr;  // takes in what they write, in place of both; outlives them
};

class ClusterProcesses {
 public:
  // Starts every node; returns when all are running, not yet ready. Errors: io.
  static Result<std::unique_ptr<ClusterProcesses>> start(const Config& config,
                                                         ProcessOptions options, Log& log);
  ~ClusterProcesses();  // stops

  // Until every node answers its status. A node that ends before is an error at once, with the last
  // line it logged; so is the config's start_timeout.
  Status wait_ready(Client& client);

  // The config from now on: nodes that are new in it are started, and those that start again are
  // started as it says. One that is not in it any more stays until end(). Errors: io, and what was
  // started runs.
  Status change(const Config& config);

  // Ends a node for good, as stop() does. False if it had to be killed.
  bool end(const std::string& node);

  // Takes note of children that ended and restarts those whose time has come. Call it a few times a
  // second. One that ends with exit code 0 was asked to, and stays ended; one that ends with
  // exit_restart was asked to as well, and is started at once. False when a node has used up its
  // restarts: the cluster is not whole any more.
  bool supervise(Instant now);

  // Whether nodes have ended because they were asked to and none is left: the cluster is down.
  [[nodiscard]] bool ended() const;

  // Politely, then after the config's stop_timeout hard. Idempotent. True if all went politely.
  bool stop();

  [[nodiscard]] std::optional<pid_t> pid_of(const std::string& node) const;

 private:
  struct Child {
    std::string node;
    pid_t pid = 0;   // 0: not running
    int input = -1;  // of a node elsewhere: our end of its standard input
    int exit_status = 0;
    Instant restart_at = never;
    actors::RestartBudget budget;
    bool given_up = false;
    bool asked_to_end = false;
  };

  ClusterProcesses(const Config& config, ProcessOptions options, Log& log);
  Status spawn(Child& child);
  [[nodiscard]] Child new_child(const std::string& node) const;
  static void ask_to_end(Child& child);
  bool wait_ended(Child& child, Instant give_up);
  void reap();
  void take_note(Child& child, Instant now);
  [[nodiscard]] Error early_end(const Child& child) const;

  Config config_;
  ProcessOptions options_;
  Log& log_;
  std::vector<Child> children_;
};

// "exit code 2", "signal 9 (Killed)".
std::string describe_exit(int wait_status);

}  // namespace troupe::apps
