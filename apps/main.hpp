// The pieces that main.cpp and its other halves (main_*.cpp) put the command line together from.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "apps/verbs.hpp"

namespace troupe::apps {

struct CommandLine {
  CLI::App app{
      "Runs thousands of agents on shared devices: urgent work goes now, ordinary work "
      "coalesces.",
      "troupe"};
  bool json = false;
  std::function<int(Output&)> chosen;  // the verb, with its options
};

// A verb below `parent` with what every verb has. `example` is a whole command.
CLI::App& add_verb(CommandLine& line, CLI::App& parent, const std::string& name,
                   const std::string& does, const std::string& example);

// Hands `options`, which CLI11 fills while it parses, to `run` afterwards.
template <class Options>
void on_chosen(CommandLine& line, CLI::App& verb, std::shared_ptr<Options> options,
               int (*run)(const Options&, Output&)) {
  verb.callback([&line, options, run] {
    line.chosen = [options, run](Output& output) { return run(*options, output); };
  });
}

enum class ConfigAs { position, flag };

// Where the config is a position, the flag is understood as well, so that nobody has to remember.
void add_config(CLI::App& verb, ConfigAs as, ConfigOptions& options);

// As add_config(), of a cluster that runs, and as whom to ask it.
void add_cluster(CLI::App& verb, ConfigAs as, ConfigOptions& options);

// main_keys.cpp
void add_keys(CommandLine& line);

// main_running.cpp: verbs that take nodes of a running cluster out and in.
void add_down(CommandLine& line);
void add_drain(CommandLine& line);
void add_restart(CommandLine& line);
void add_reload(CommandLine& line);

// main_looking.cpp: verbs that look for one thing in a running cluster, and act on it; and at this
// machine.
void add_task(CommandLine& line);
void add_logs(CommandLine& line);
void add_doctor(CommandLine& line);
// main_agents.cpp
void add_agents(CommandLine& line);

}  // namespace troupe::apps
