// The `troupe` program: reads the command line, runs one verb, answers with its exit code.
//
// A new verb is an options struct and a run_* function in verbs.hpp, a source file, and one add_*
// block here or in one of main_*.cpp, which alone know CLI11.

#include <algorithm>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <string_view>

#include "apps/main.hpp"
#include "base/limits.hpp"
#include "config/folders.hpp"
#include "config/words.hpp"

namespace troupe::apps {

CLI::App& add_verb(CommandLine& line, CLI::App& parent, const std::string& name,
                   const std::string& does, const std::string& example) {
  CLI::App& verb = *parent.add_subcommand(name, does);
  verb.add_flag("--json", line.json, "Write one JSON object instead of text");
  verb.footer("Example:\n  " + example);
  return verb;
}

void add_config(CLI::App& verb, ConfigAs as, ConfigOptions& options) {
  if (auto path = config::environment_variable("TROUPE_CONFIG")) options.config = *std::move(path);
  const auto add = [&](const std::string& name) {
    return verb.add_option(name, options.config, "The cluster file, otherwise $TROUPE_CONFIG")
        ->type_name("FILE")
        ->capture_default_str();
  };
  if (as == ConfigAs::position) {
    add("config");
    add("--config")->group("");
  } else {
    add("--config");
  }
  verb.add_option("--set", options.set,
                  "Set one key over file and environment, as scheduling.lanes=false; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_cluster(CLI::App& verb, ConfigAs as, ConfigOptions& options) {
  add_config(verb, as, options);
  verb.add_option("--as", options.as, "Whose NAME.key to use of the cluster's folder of keys")
      ->type_name("NAME")
      ->capture_default_str();
}

namespace {

void add_check(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "check",
                        "Check a cluster file; show every setting in effect and where it is from",
                        "troupe check configs/quickstart.toml --set scheduling.tasks_max=16");
  auto options = std::make_shared<CheckOptions>();
  add_config(verb, ConfigAs::position, options->config);
  verb.add_flag("--reference", options->reference, "Print the reference of all keys")->group("");
  on_chosen(line, verb, options, run_check);
}

void add_node(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "node", "Run one node of a cluster, in this process",
                        "troupe node configs/quickstart.toml --name a");
  auto options = std::make_shared<NodeOptions>();
  add_config(verb, ConfigAs::position, options->config);
  verb.add_option("--name", options->name, "Which [node.NAME]")->type_name("NAME")->required();
  verb.add_flag("--stop-at-eof", options->stop_at_eof, "Stop when standard input ends");
  on_chosen(line, verb, options, run_node);
}

void add_up(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "up",
                        "Start every node, on this machine or on theirs; Ctrl-C stops them",
                        "troupe up configs/quickstart.toml");
  auto options = std::make_shared<UpOptions>();
  add_config(verb, ConfigAs::position, options->config);
  const auto launched = [&](const char* flag, Launcher by, const char* does) {
    return verb.add_flag_callback(
        flag, [options, by] { options->launcher = by; }, does);
  };
  auto* const local =
      launched("--local", Launcher::local, "Each as a process of this machine (the default)");
  auto* const ssh = launched("--ssh", Launcher::ssh, "Each on its machine, by ssh");
  auto* const slurm = launched("--slurm", Launcher::slurm, "Each on its machine, by Slurm's srun");
  ssh->excludes(local);
  slurm->excludes(local)->excludes(ssh);
  verb.add_option("--ready-file", options->ready_file, "Write this file once every node is ready")
      ->type_name("FILE");
  verb.add_option("--record", options->record,
                  "Write what each node's scheduler is told into this folder, for replay")
      ->type_name("DIR");
  on_chosen(line, verb, options, run_up);
}

void add_replay(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "replay",
                        "Run a recording through the scheduler again and compare its decisions",
                        "troupe replay recording/a.journal");
  auto options = std::make_shared<ReplayOptions>();
  verb.add_option("file", options->file, "What `up --record` wrote")->type_name("FILE")->required();
  on_chosen(line, verb, options, run_replay);
}

void add_status(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "status", "Ask running nodes how they are",
                        "troupe status configs/quickstart.toml --node a");
  auto options = std::make_shared<StatusOptions>();
  add_cluster(verb, ConfigAs::position, options->config);
  verb.add_option("--node", options->node, "Only this node")->type_name("NAME");
  on_chosen(line, verb, options, run_status);
}

void add_top(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "top",
                        "Watch what running nodes do and why, live; q or Ctrl-C ends it",
                        "troupe top configs/quickstart.toml --interval 2s");
  auto options = std::make_shared<TopOptions>();
  add_cluster(verb, ConfigAs::position, options->config);
  verb.add_option("--node", options->node, "Only this node")->type_name("NAME");
  verb.add_option("--interval", options->interval,
                  "How often to look, as 500ms; with --json, an "
                  "object each time")
      ->type_name("TIME")
      ->capture_default_str();
  verb.add_flag("--once", options->once, "Print one screen as text, as without a terminal");
  on_chosen(line, verb, options, run_top);
}

void add_memory(CommandLine& line) {
  auto& memory =
      *line.app.add_subcommand("memory", "What the agents of a running cluster remember");
  memory.require_subcommand(1);
  memory.footer("Example:\n  troupe memory save configs/quickstart.toml");

  auto& save = add_verb(line, memory, "save", "Save it now, as each node does by itself at times",
                        "troupe memory save configs/quickstart.toml --node a");
  auto options = std::make_shared<MemorySaveOptions>();
  add_cluster(save, ConfigAs::position, options->config);
  save.add_option("--node", options->node, "Only this node")->type_name("NAME");
  on_chosen(line, save, options, run_memory_save);
}

void add_model(CommandLine& line) {
  auto& model = *line.app.add_subcommand("model", "The models of a running cluster");
  model.require_subcommand(1);
  model.footer("Example:\n  troupe model unload minilm configs/quickstart.toml");
  const auto add = [&](const char* name, const char* help, const std::string& example, bool named,
                       int (*run)(const ModelOptions&, Output&)) {
    auto& verb = add_verb(line, model, name, help, example);
    auto options = std::make_shared<ModelOptions>();
    if (named)
      verb.add_option("model", options->model, "Its name in the config")
          ->type_name("NAME")
          ->required();
    add_cluster(verb, ConfigAs::position, options->config);
    verb.add_option("--node", options->node, "Only on this node")->type_name("NAME");
    on_chosen(line, verb, options, run);
  };
  add("list", "Say which are loaded where", "troupe model list configs/quickstart.toml", false,
      run_model_list);
  add("load", "Load one, and wait until it can work",
      "troupe model load minilm configs/quickstart.toml --node a", true, run_model_load);
  add("unload", "Let one go when the tasks that need it are done, and free its memory",
      "troupe model unload minilm configs/quickstart.toml", true, run_model_unload);
}

void add_module(CommandLine& line) {
  auto& module = *line.app.add_subcommand("module", "Agent types of your own, as shared libraries");
  module.require_subcommand(1);
  module.footer("Example:\n  troupe module new counter --folder ~/counter");
  auto& make = add_verb(line, module, "new", "Write the source of one that works, with a test",
                        "troupe module new counter --folder ~/counter");
  auto made = std::make_shared<ModuleNewOptions>();
  make.add_option("name", made->name, "The type of its agents")->required();
  make.add_option("--folder", made->folder, "Where to; made if missing, otherwise ./NAME");
  on_chosen(line, make, made, run_module_new);
  auto& check = add_verb(line, module, "check", "Say what one makes, or why no node would load it",
                         "troupe module check build/counter.so");
  auto checked = std::make_shared<ModuleCheckOptions>();
  check.add_option("file", checked->file, "The shared library")->required();
  on_chosen(line, check, checked, run_module_check);
}

void add_submit(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "submit",
                        "Submit one task to a running cluster and wait for its outcome",
                        "troupe submit \"a fast text editor\" --time-limit 50ms\n"
                        "  troupe submit --observation 0.1,-2,0.7 --agent game/7 --step 41");
  auto options = std::make_shared<SubmitOptions>();
  auto* text =
      verb.add_option("text", options->text, "The text to encode or classify")->type_name("TEXT");
  auto* classify = verb.add_flag("--classify", options->classify,
                                 "The scores of the model's labels in place of a vector")
                       ->needs(text);
  add_cluster(verb, ConfigAs::flag, options->config);
  verb.add_option("--node", options->node,
                  "The node that gets it first; otherwise the least busy one")
      ->type_name("NAME");
  verb.add_option("--model", options->model, "The model or policy; otherwise the first")
      ->type_name("NAME");
  auto* scope = verb.add_option("--scope", options->scope,
                                "Search these memories with the text: librarian/017 or librarian/*")
                    ->type_name("AGENTS")
                    ->excludes(classify);
  verb.add_option("--hits", options->hits, "How many documents a search brings")
      ->capture_default_str();
  auto* observation = verb.add_option("--observation", options->observation,
                                      "In place of a text: let a policy act on these numbers")
                          ->type_name("NUMBERS")
                          ->excludes(text)
                          ->excludes(scope);
  verb.add_option("--agent", options->agent, "Who acts, as game/7: chance is drawn for each")
      ->type_name("AGENT")
      ->needs(observation);
  verb.add_option("--step", options->step, "How often it has acted before")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->needs(observation);
  verb.add_option("--lane", options->lane, "The lane; otherwise chosen by the time limit")
      ->check(CLI::IsMember({"urgent", "ordinary"}));
  verb.add_option("--time-limit", options->time_limit, "When the outcome is of no more use: 50ms")
      ->type_name("TIME");
  verb.add_option("--weight", options->weight,
                  "What it is worth where not all can be in time; 1 is usual")
      ->type_name("NUMBER")
      ->check(CLI::Range(1e-6F, limits::task_weight_max));
  verb.add_option("--traceparent", options->traceparent,
                  "The trace that it is done for, as the W3C's header has it")
      ->type_name("TEXT");
  on_chosen(line, verb, options, run_submit);
}

void add_explain(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "explain",
                        "Tell how a recent task came to its outcome, and why it waited",
                        "troupe explain 9c1fe02ab34d55760000000000000001");
  auto options = std::make_shared<ExplainOptions>();
  verb.add_option("task", options->task, "The task's id, as submit prints it")
      ->type_name("TASK")
      ->required();
  add_cluster(verb, ConfigAs::position, options->config);
  on_chosen(line, verb, options, run_explain);
}

void add_run(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "run", "Run a scenario on a cluster of its own and report",
                        "troupe run librarians --packages 3000");
  auto options = std::make_shared<RunOptions>();
  verb.add_option("scenario", options->scenario, "The scenario")
      ->type_name("NAME")
      ->check(CLI::IsMember({"librarians"}))
      ->capture_default_str();
  add_config(verb, ConfigAs::flag, options->config);
  auto* library = verb.add_option("--library", options->library,
                                  "A folder of text; otherwise this machine's package descriptions")
                      ->type_name("DIR");
  auto* all = verb.add_flag("--all", options->all, "Every package")->excludes(library);
  verb.add_option("--packages", options->packages, "How many packages")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000))
      ->excludes(all)
      ->excludes(library);
  verb.add_option("--questions", options->questions, "The readers' questions")
      ->type_name("FILE")
      ->capture_default_str();
  verb.add_option("--librarians", options->librarians, "How many librarian agents")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  verb.add_option("--readers", options->readers, "How many readers ask at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  on_chosen(line, verb, options, run_run);
}

// What every rig takes.
std::shared_ptr<BenchOptions> add_scenario_options(CLI::App& verb) {
  auto options = std::make_shared<BenchOptions>();
  auto* names = verb.add_option("scenario", options->scenarios, "What to run; otherwise everything")
                    ->type_name("SCENARIO");
  verb.add_flag("--all", options->all, "Everything, as without names")->excludes(names);
  verb.add_flag("--list", options->list, "Name what there is to run and run nothing");
  verb.add_option("--report", options->report,
                  "Write index.html, the pictures and figures.json into this folder")
      ->type_name("DIR");
  verb.add_option("--date", options->date, "The date that the report shall bear")
      ->type_name("TEXT");
  return options;
}

std::shared_ptr<BenchOptions> add_bench_options(CLI::App& verb) {
  auto options = add_scenario_options(verb);
  verb.add_option("--policy", options->policies,
                  "Run only this rival beside ours; repeatable; otherwise all")
      ->type_name("NAME")
      ->allow_extra_args(false);
  return options;
}

void add_pairs(CLI::App& verb, BenchOptions& options) {
  verb.add_option("--pairs", options.pairs, "Runs of each side of a paired measurement")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
}

// Everything that can be measured without rival policies.
void add_plain_bench(CommandLine& line, CLI::App& bench, const std::string& name,
                     const std::string& does, int (*run)(const BenchOptions&, Output&)) {
  auto& verb = add_verb(line, bench, name, does, "troupe bench " + name + " --json");
  auto options = add_scenario_options(verb);
  add_pairs(verb, *options);
  verb.add_flag("--quick", options->quick,
                "As little as shows that it runs; the figures mean nothing");
  on_chosen(line, verb, options, run);
}

void add_bench(CommandLine& line) {
  auto& bench = *line.app.add_subcommand(
      "bench", "Measure the scheduler and the kernels against their targets and rivals");
  bench.require_subcommand(1);
  bench.footer(
      "Example:\n  troupe bench sim --report bench-report\n\n"
      "Exit codes: 0 every figure reached, 1 one missed or a scenario failed, 2 usage.\n"
      "bench/README.md tells what each figure is and how to read the report.");

  auto& sim = add_verb(line, bench, "sim",
                       "On a modelled device and a virtual clock: exact on every machine",
                       "troupe bench sim sweep --policy eager-edf --report bench-report");
  auto sim_options = add_bench_options(sim);
  sim.add_option("--seed", sim_options->seed, "Of everything that is drawn")
      ->type_name("N")
      ->capture_default_str();
  sim.add_option("--trace", sim_options->trace,
                 "Replay the arrivals of this file: TIMESTAMP,ContextTokens,GeneratedTokens")
      ->type_name("FILE");
  on_chosen(line, sim, sim_options, run_bench_sim);

  auto& lanes = add_verb(line, bench, "lanes",
                         "On this machine's devices and a real node: keep the machine quiet",
                         "troupe bench lanes --pairs 10 --report bench-report");
  auto lanes_options = add_bench_options(lanes);
  add_pairs(lanes, *lanes_options);
  lanes
      .add_option("--seconds", lanes_options->seconds,
                  "How long each run takes; otherwise as its scenario needs")
      ->type_name("N")
      ->check(CLI::Range(1, 3600));
  on_chosen(line, lanes, lanes_options, run_bench_lanes);

  add_plain_bench(line, bench, "encode",
                  "The encoder's kernels against this machine's peak and other libraries",
                  run_bench_encode);
  add_plain_bench(line, bench, "act", "A policy's kernels against this machine's peak",
                  run_bench_act);
  add_plain_bench(line, bench, "recall", "Scans of memories against reading alone",
                  run_bench_recall);
  add_plain_bench(line, bench, "http",
                  "The HTTP door against the C++ client and the bare server library",
                  run_bench_http);
  add_plain_bench(line, bench, "link", "The link between nodes against raw TCP and ZeroMQ alone",
                  run_bench_link);
}

void add_version(CommandLine& line) {
  auto& verb = add_verb(line, line.app, "version", "Show what this program is built from",
                        "troupe version --json");
  on_chosen(line, verb, std::make_shared<VersionOptions>(), run_version);
}

void add_verbs(CommandLine& line) {
  line.app.require_subcommand(1);
  line.app.get_formatter()->column_width(34);
  line.app.footer(
      "'troupe VERB --help' tells more about a verb.\n"
      "Exit codes: 0 done, 1 failed, 2 usage or config, 3 unreachable, 4 not in time.");
  add_check(line);
  add_doctor(line);
  add_keys(line);
  add_node(line);
  add_up(line);
  add_down(line);
  add_drain(line);
  add_restart(line);
  add_reload(line);
  add_status(line);
  add_top(line);
  add_logs(line);
  add_memory(line);
  add_model(line);
  add_module(line);
  add_agents(line);
  add_submit(line);
  add_task(line);
  add_explain(line);
  add_replay(line);
  add_run(line);
  add_bench(line);
  add_version(line);
}

// "no verb 'chekc'; did you mean 'check'?" when `word` is none of the verbs of `app`.
std::optional<Error> unknown_verb(const CLI::App& app, const std::string& command,
                                  std::string_view word) {
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end()) return std::nullopt;
  const std::vector<std::string_view> views(names.begin(), names.end());
  return Error{ErrorCode::invalid_argument,
               command + " has no verb '" + config::shown(word) + "'" +
                   config::did_you_mean(word, views).value_or(""),
               command + " --help lists them"};
}

std::optional<Error> unknown_verb(CLI::App& app, std::span<char*> words) {
  if (words.empty() || words[0][0] == '-') return std::nullopt;
  if (auto unknown = unknown_verb(app, "troupe", words[0])) return unknown;
  CLI::App& verb = *app.get_subcommand(words[0]);
  const bool groups = !verb.get_subcommands([](const CLI::App*) { return true; }).empty();
  if (!groups || words.size() < 2 || words[1][0] == '-') return std::nullopt;
  return unknown_verb(verb, std::string("troupe ") + words[0], words[1]);
}

// The innermost verb that the command line reached, as a command.
std::string command_reached(const CLI::App& app) {
  std::string command = "troupe";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  return command;
}

int run(int argc, char** argv) {
  CommandLine line;
  add_verbs(line);
  const std::span<char*> words(argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0);
  // Looked for by hand, because a command line that cannot be parsed is answered in JSON as well.
  const bool json = std::any_of(words.begin(), words.end(), [](const char* word) {
    return std::string_view(word) == "--json";
  });
  Output output(terminal_options(json), std::cout, std::cerr);
  try {
    if (words.empty())
      return output.fail(
          {ErrorCode::invalid_argument, "a verb is missing", "troupe --help lists them"});
    if (auto unknown = unknown_verb(line.app, words)) return output.fail(*unknown);
    line.app.parse(argc, argv);
  } catch (const CLI::Success& asked_for_help) {
    line.app.exit(asked_for_help, std::cout, std::cerr);
    return output.finish(exit_ok);
  } catch (const CLI::ParseError& error) {
    return output.fail({ErrorCode::invalid_argument, error.what(),
                        command_reached(line.app) + " --help shows what it takes"});
  }
  return output.finish(line.chosen(output));
}

}  // namespace
}  // namespace troupe::apps

int main(int argc, char** argv) {
  try {
    return troupe::apps::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "troupe: " << error.what() << "\n  next: this is a bug, please report it\n";
  }
  return troupe::apps::exit_failed;
}
