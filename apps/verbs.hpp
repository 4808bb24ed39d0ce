// The verbs of the `troupe` program: for each its options, as the command line gives them, and the
// function that runs it. main.cpp fills the options; one source file per verb does the work.
//
// Every run_* writes through the Output and returns the exit code (apps/output.hpp). Errors of the
// outside come back as values; what a library throws is caught where it is called.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/launcher.hpp"
#include "apps/output.hpp"

namespace troupe::apps {

// The cluster file and what is laid over it, shared by most verbs.
struct ConfigOptions {
  std::string config = "configs/quickstart.toml";
  std::vector<std::string> set;  // scheduling.lanes=false
  std::string as = "client";     // whose key, of verbs that ask a running cluster
};

struct CheckOptions {
  ConfigOptions config;
  bool reference = false;  // print the tables of docs/configuration.md instead
};
int run_check(const CheckOptions& options, Output& output);

struct DoctorOptions {
  ConfigOptions config;  // its file empty: the machine alone
  std::string node;      // empty: those whose host is this machine's
};
// exit_failed when something that is asked for cannot work.
int run_doctor(const DoctorOptions& options, Output& output);

struct KeysNewOptions {
  std::string name;
  std::string folder;
  std::string role;  // empty: a node or a client, as the cluster's file says
};
int run_keys_new(const KeysNewOptions& options, Output& output);

struct KeysShowOptions {
  std::string path;
};
int run_keys_show(const KeysShowOptions& options, Output& output);

struct KeysFolder {
  std::string path;    // or:
  std::string config;  // the cluster file that names it
};

struct KeysListOptions {
  KeysFolder folder;
};
int run_keys_list(const KeysListOptions& options, Output& output);

struct KeysRotateOptions {
  std::string name;
  KeysFolder folder;
  bool turn = false;  // to the next key
  bool finish = false;
};
int run_keys_rotate(const KeysRotateOptions& options, Output& output);

struct KeysApiOptions {
  std::string tenant;
};
int run_keys_api(const KeysApiOptions& options, Output& output);

struct NodeOptions {
  ConfigOptions config;
  std::string name;
  bool stop_at_eof = false;  // of standard input
};
int run_node(const NodeOptions& options, Output& output);

struct UpOptions {
  ConfigOptions config;
  std::string record;      // a folder for each node's recording; empty: as the config says
  std::string ready_file;  // written once every node is ready; empty: none
  Launcher launcher = Launcher::local;
};
int run_up(const UpOptions& options, Output& output);

struct DrainOptions {
  ConfigOptions config;
  std::string node;
  std::string timeout = "60s";  // until it is empty; unused by undrain
  bool undo = false;            // the same as undrain
};
int run_drain(const DrainOptions& options, Output& output);
int run_undrain(const DrainOptions& options, Output& output);

struct DownOptions {
  ConfigOptions config;
  std::string timeout = "60s";  // until all are empty; then they are stopped all the same
};
int run_down(const DownOptions& options, Output& output);

struct RestartOptions {
  ConfigOptions config;
  std::vector<std::string> words;  // NODE and the config, or with `rolling` the config alone
  bool rolling = false;
  std::string timeout = "60s";  // until each is empty
};
int run_restart(const RestartOptions& options, Output& output);

struct ReloadOptions {
  ConfigOptions config;
  std::string node;  // empty: all
};
int run_reload(const ReloadOptions& options, Output& output);

struct StatusOptions {
  ConfigOptions config;
  std::string node;  // empty: all
};
int run_status(const StatusOptions& options, Output& output);

struct TopOptions {
  ConfigOptions config;
  std::string node;             // empty: all
  std::string interval = "1s";  // between two looks
  bool once = false;            // one screen, as text
};
int run_top(const TopOptions& options, Output& output);

struct LogsOptions {
  ConfigOptions config;
  std::string node;      // empty: all
  std::string task;      // only lines that name it; empty: all
  std::size_t last = 0;  // of what is there only so many lines; 0: all
  bool follow = false;
};
int run_logs(const LogsOptions& options, Output& output);

struct MemorySaveOptions {
  ConfigOptions config;
  std::string node;  // empty: all
};
int run_memory_save(const MemorySaveOptions& options, Output& output);

struct ModelOptions {
  ConfigOptions config;
  std::string model;  // unused by list
  std::string node;   // empty: all
};
int run_model_list(const ModelOptions& options, Output& output);
int run_model_load(const ModelOptions& options, Output& output);
int run_model_unload(const ModelOptions& options, Output& output);

struct ModuleNewOptions {
  std::string name;    // of the agents' type
  std::string folder;  // empty: the name
};
int run_module_new(const ModuleNewOptions& options, Output& output);

struct ModuleCheckOptions {
  std::string file;
};
int run_module_check(const ModuleCheckOptions& options, Output& output);

struct AgentsOptions {
  ConfigOptions config;
  std::string type;  // empty: all
  std::string node;  // empty: all
  std::uint32_t limit = 100;
};
int run_agents_ls(const AgentsOptions& options, Output& output);

struct AgentOptions {
  ConfigOptions config;
  std::string agent;  // "type/key"
};
int run_agents_show(const AgentOptions& options, Output& output);

struct SubmitOptions {
  ConfigOptions config;
  std::string node;                        // empty: the first
  std::string model;                       // or policy; empty: the first
  std::optional<std::string> text;         // to encode: this, or
  bool classify = false;                   // its labels' scores in place of its vector
  std::optional<std::string> observation;  // "0.1,-2": for a policy to act on
  std::string agent;                       // who acts
  std::uint64_t step = 0;                  // how often it has acted before
  std::string scope;                       // with it, the text is a question to these memories
  std::uint32_t hits = 10;                 // how many answers
  std::string lane;                        // "urgent", "ordinary", or empty: by its time limit
  std::optional<std::string> time_limit;   // "50ms"
  float weight = 1;                        // where not all can be in time
  std::string traceparent;                 // the trace that it is done for; empty: none
};
int run_submit(const SubmitOptions& options, Output& output);

struct TaskOptions {
  ConfigOptions config;
  std::string task;  // as `troupe submit` prints it
};
int run_task(const TaskOptions& options, Output& output);
int run_cancel(const TaskOptions& options, Output& output);

struct ExplainOptions {
  ConfigOptions config;
  std::string task;  // as `troupe submit` prints it
};
int run_explain(const ExplainOptions& options, Output& output);

struct ReplayOptions {
  std::string file;
};
// exit_failed when the decisions differ from the recorded ones.
int run_replay(const ReplayOptions& options, Output& output);

struct RunOptions {
  ConfigOptions config;
  std::string scenario = "librarians";
  std::string library;            // a folder of text; empty: the package descriptions
  bool all = false;               // every package
  std::uint32_t packages = 3000;  // how many, unless all
  std::string questions = "configs/questions.tsv";
  std::uint32_t librarians = 300;
  std::uint32_t readers = 20;
};
int run_run(const RunOptions& options, Output& output);

struct BenchOptions {
  std::vector<std::string> scenarios;  // empty: all
  bool all = false;                    // the same, in so many words
  bool list = false;                   // only name them
  std::vector<std::string> policies;   // rivals to run beside ours; empty: all
  std::uint64_t seed = 1;
  std::string trace;          // a file of recorded arrivals; empty: the scenarios' own
  std::uint32_t pairs = 10;   // lanes: runs of A and B
  std::uint32_t seconds = 0;  // lanes: of each run; zero: the scenarios' own
  bool quick = false;         // compute: as little as shows that it runs
  std::string report;         // the folder to write it to; empty: none
  std::string date;           // as it shall stand in the report; empty: none
};
// Exit codes: exit_ok when every figure is reached, exit_failed when one is missed.
int run_bench_sim(const BenchOptions& options, Output& output);
int run_bench_lanes(const BenchOptions& options, Output& output);
int run_bench_encode(const BenchOptions& options, Output& output);
int run_bench_act(const BenchOptions& options, Output& output);
int run_bench_recall(const BenchOptions& options, Output& output);
int run_bench_http(const BenchOptions& options, Output& output);
int run_bench_link(const BenchOptions& options, Output& output);

// Of the program: "0.1.0".
std::string_view version() noexcept;

struct VersionOptions {};
int run_version(const VersionOptions& options, Output& output);

}  // namespace troupe::apps
