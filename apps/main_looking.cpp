// The command line of the verbs that look for one thing in a running cluster, and act on it.
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

}  // namespace troupe::apps
