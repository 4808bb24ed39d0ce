// The command line of the verbs that look for one thing in a running cluster, and act on it; and at
// this machine.
#include "apps/main.hpp"

namespace troupe::apps {
namespace {

void add_task_verb(CommandLine& line, const std::string& name, const std::string& does,
                   int (*run)(const TaskOptions&, Output&)) {
  auto& verb = add_verb(line, line.app, name, does,
                        "troupe " + name +
                            " 9c1fe02ab34d55760000000000000001 "
                            "configs/quickstart.toml");
  auto options = std::make_shared<TaskOptions>();
  verb.add_option("task", options->task, "The task's id, as submit prints it")
      ->type_name("TASK")
      ->required();
  add_cluster(verb, ConfigAs::position, options->config);
  on_chosen(line, verb, options, run);
}

}  // namespace

void add_task(CommandLine& line) {
  add_task_verb(line, "task", "Say where a task is: on its way, queued, running or done", run_task);
  add_task_verb(line, "cancel", "End a task before its time, wherever it is", run_cancel);
}

void add_logs(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "logs",
                        "Show what the nodes that `troupe up` started here have logged, by time",
                        "troupe logs configs/quickstart.toml --node a --follow");
  auto options = std::make_shared<LogsOptions>();
  add_config(verb, ConfigAs::position, options->config);
  verb.add_option("--node", options->node, "Only this node's")->type_name("NAME");
  verb.add_option("--task", options->task, "Only lines that name this task")->type_name("TASK");
  verb.add_option("--last", options->last, "Only so many of the lines that are there already")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  verb.add_flag("-f,--follow", options->follow, "Go on with what comes; Ctrl-C ends it");
  on_chosen(line, verb, options, run_logs);
}

void add_doctor(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "doctor",
                        "Examine this machine: devices, and all that a cluster file asks of it",
                        "troupe doctor cluster.toml");
  auto options = std::make_shared<DoctorOptions>();
  options->config.config = "";
  add_cluster(verb, ConfigAs::position, options->config);
  verb.add_option("--node", options->node, "Only this node, whatever its host")->type_name("NAME");
  on_chosen(line, verb, options, run_doctor);
}

}  // namespace troupe::apps
