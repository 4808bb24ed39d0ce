// The command line of the verbs that take nodes of a running cluster out and in.
#include "apps/main.hpp"

namespace troupe::apps {
namespace {

void add_timeout(CLI::App& verb, std::string& timeout, const std::string& what) {
  verb.add_option("--timeout", timeout, what)->type_name("TIME")->capture_default_str();
}

}  // namespace

void add_down(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "down",
                        "End a running cluster, wherever it was started: drain it, then stop it",
                        "troupe down configs/quickstart.toml");
  auto options = std::make_shared<DownOptions>();
  add_cluster(verb, ConfigAs::position, options->config);
  add_timeout(verb, options->timeout,
              "How long to wait for tasks; then the nodes are stopped all the same");
  on_chosen(line, verb, options, run_down);
}

void add_drain(CommandLine& line) {
  auto& drain = add_verb(line, line.app, "drain",
                         "Take a node out of service: no new tasks; wait until it has none left",
                         "troupe drain a configs/quickstart.toml --timeout 5m");
  auto options = std::make_shared<DrainOptions>();
  drain.add_option("node", options->node, "Which [node.NAME]")->type_name("NODE")->required();
  add_cluster(drain, ConfigAs::position, options->config);
  add_timeout(drain, options->timeout, "How long to wait; it goes on draining after that");
  drain.add_flag("--undo", options->undo, "Take it back into service, as troupe undrain does");
  on_chosen(line, drain, options, run_drain);

  auto& undrain = add_verb(line, line.app, "undrain", "Take a drained node back into service",
                           "troupe undrain a configs/quickstart.toml");
  auto undo = std::make_shared<DrainOptions>();
  undrain.add_option("node", undo->node, "Which [node.NAME]")->type_name("NODE")->required();
  add_cluster(undrain, ConfigAs::position, undo->config);
  on_chosen(line, undrain, undo, run_undrain);
}

void add_restart(CommandLine& line) {
  auto& verb = add_verb(
      line, line.app, "restart",
      "Drain a node, end it, and wait until it is back; or all of them, one after the other",
      "troupe restart a configs/quickstart.toml\n  troupe restart --rolling "
      "configs/quickstart.toml");
  auto options = std::make_shared<RestartOptions>();
  verb.add_option("words", options->words,
                  "Which [node.NAME], not with --rolling; the cluster file")
      ->type_name("[NODE] [FILE]")
      ->expected(0, 2);
  add_cluster(verb, ConfigAs::flag, options->config);
  verb.add_flag("--rolling", options->rolling, "Every node, one after the other");
  add_timeout(verb, options->timeout,
              "How long each may drain; one that is not empty then stays in service");
  on_chosen(line, verb, options, run_restart);
}

void add_reload(CommandLine& line) {
  auto& verb = add_verb(
      line, line.app, "reload",
      "Let running nodes read their file again, and apply what needs no restart: nodes, keys, "
      "lanes and batching",
      "troupe reload configs/quickstart.toml");
  auto options = std::make_shared<ReloadOptions>();
  add_cluster(verb, ConfigAs::position, options->config);
  verb.add_option("--node", options->node, "Only this node")->type_name("NAME");
  on_chosen(line, verb, options, run_reload);
}

}  // namespace troupe::apps
