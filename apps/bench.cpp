// troupe bench sim|lanes|encode|act|recall|http|link: runs scenarios of the benchmark harness,
// shows their figures on one screen (or as JSON) and writes the report.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "apps/interrupts.hpp"
#include "apps/verbs.hpp"
#include "base/clock.hpp"
#include "bench/compute/registry.hpp"
#include "bench/harness/machine.hpp"
#include "bench/harness/runner.hpp"
#include "bench/harness/trace.hpp"
#include "bench/http/registry.hpp"
#include "bench/link/registry.hpp"
#include "bench/scenarios/registry.hpp"
#include "config/words.hpp"

namespace troupe::apps {
namespace {

using bench::harness::Scenario;

struct Rig {
  const char* verb;
  const char* title;
  const char* text;
  std::span<const Scenario> scenarios;
  std::span<const std::string_view> policies;
};

// `word` as a shell reads it back.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@+";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

// What repeats this run, defaults left out.
std::string command_of(const Rig& rig, const BenchOptions& options) {
  const BenchOptions defaults;
  std::string command = std::string("troupe bench ") + rig.verb;
  for (const auto& name : options.scenarios) command += " " + quoted(name);
  for (const auto& name : options.policies) command += " --policy " + quoted(name);
  if (options.seed != defaults.seed) command += " --seed " + std::to_string(options.seed);
  if (options.pairs != defaults.pairs) command += " --pairs " + std::to_string(options.pairs);
  if (options.seconds != defaults.seconds)
    command += " --seconds " + std::to_string(options.seconds);
  if (options.quick) command += " --quick";
  if (!options.trace.empty()) command += " --trace " + quoted(options.trace);
  if (!options.report.empty()) command += " --report " + quoted(options.report);
  return command;
}

int list(const Rig& rig, Output& output) {
  nlohmann::json scenarios = nlohmann::json::array();
  std::size_t widest = 0;
  for (const auto& one : rig.scenarios) widest = std::max(widest, one.name.size());
  for (const auto& one : rig.scenarios) {
    output.text("  " + output.bold(one.name) + std::string(widest - one.name.size() + 2, ' ') +
                std::string(one.summary));
    scenarios.push_back({{"name", one.name}, {"summary", one.summary}});
  }
  std::string policies;
  nlohmann::json policy_list = nlohmann::json::array();
  for (const auto policy : rig.policies) {
    policies += (policies.empty() ? "" : ", ") + std::string(policy);
    policy_list.emplace_back(policy);
  }
  if (!policies.empty()) output.text(output.dim("policies: " + policies));
  output.object({{"scenarios", scenarios}, {"policies", policy_list}});
  return exit_ok;
}

// Told before the scenarios run, which may take minutes.
Status prepare_folder(const std::string& folder) {
  if (folder.empty()) return {};
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return Error{ErrorCode::io,
                 "cannot make the folder '" + config::shown(folder) + "': " + failed.message(),
                 "choose a folder that you may write to"};
  return {};
}

Status load_trace(const std::string& path, bench::harness::RunOptions& run, Output& output) {
  if (path.empty()) return {};
  const auto trace = bench::harness::read_trace(path);
  if (!trace) return trace.error();
  if (const auto problems = bench::harness::problems_text(*trace); !problems.empty())
    output.text("  " + config::shown(path) + ": " + problems);
  run.trace = std::make_shared<const std::vector<bench::harness::Arrival>>(
      bench::harness::arrivals_of(*trace));
  return {};
}

int run_rig(const Rig& rig, const BenchOptions& options, Output& output) {
  if (options.list) return list(rig, output);
  Interrupts interrupts;
  const auto scenarios = bench::harness::choose_scenarios(rig.scenarios, options.scenarios);
  if (!scenarios) return output.fail(scenarios.error());
  auto policies = bench::harness::choose_policies(rig.policies, options.policies);
  if (!policies) return output.fail(policies.error());

  bench::harness::RunOptions run;
  run.seed = options.seed;
  run.policies = std::move(*policies);
  run.pairs = options.pairs;
  if (options.seconds > 0) run.run_length = std::chrono::seconds(options.seconds);
  if (options.quick) {
    run.quick = true;
    run.pairs = 1;
    run.run_length = std::chrono::milliseconds(1);
  }
  run.interrupted = &interrupts.watch();
  if (auto loaded = load_trace(options.trace, run, output); !loaded)
    return output.fail(loaded.error());
  if (auto prepared = prepare_folder(options.report); !prepared)
    return output.fail(prepared.error());

  if (scenarios->empty())
    return output.fail({ErrorCode::unsupported, "this build has no scenarios of that rig", ""});
  bench::harness::Progress progress([&](std::string_view line) { output.progress(line); }, now,
                                    output.progress_is_live());
  auto report = bench::harness::run_scenarios(*scenarios, run, progress);
  if (!report) return output.fail(report.error());
  report->title = rig.title;
  report->text = rig.text;
  report->set.machine = bench::harness::describe(bench::harness::this_machine());
  report->set.command = command_of(rig, options);
  if (!options.date.empty()) report->set.date = options.date;

  output.text(output.bold(rig.title) + "  " + output.dim(report->set.machine) + "\n\n" +
              bench::report::to_screen(report->set));
  if (!options.report.empty()) {
    if (auto written = bench::report::write_report(*report, options.report); !written)
      return output.fail(written.error());
    output.text("  the report is " + config::shown(options.report, 200) + "/index.html");
  }
  output.object(bench::report::to_json(report->set));
  return report->set.missed() == 0 ? exit_ok : exit_failed;
}

}  // namespace

int run_bench_sim(const BenchOptions& options, Output& output) {
  return run_rig({"sim", "troupe bench sim",
                  "Rig V: the production scheduler on a virtual clock with modelled devices, and "
                  "every rival policy beside it. Exact: the same seed gives the same figures on "
                  "every machine.",
                  bench::scenarios::sim_scenarios(), bench::scenarios::policy_names()},
                 options, output);
}

int run_bench_lanes(const BenchOptions& options, Output& output) {
  return run_rig({"lanes", "troupe bench lanes",
                  "Rig C: real devices and the real node on this machine, policies in paired runs. "
                  "Latency is counted from the intended arrival.",
                  bench::scenarios::lane_scenarios(), bench::scenarios::policy_names()},
                 options, output);
}

int run_bench_encode(const BenchOptions& options, Output& output) {
  return run_rig({"encode",
                  "troupe bench encode",
                  "Rig K: the encoder's kernels on one thread, in turns with this machine's peak.",
                  bench::compute::encode_scenarios(),
                  {}},
                 options, output);
}

int run_bench_act(const BenchOptions& options, Output& output) {
  return run_rig({"act",
                  "troupe bench act",
                  "Rig K: a policy's kernels on one thread, in turns with this machine's peak.",
                  bench::compute::act_scenarios(),
                  {}},
                 options, output);
}

int run_bench_recall(const BenchOptions& options, Output& output) {
  return run_rig({"recall",
                  "troupe bench recall",
                  "Rig K: scans of memories on one thread, in turns with reading alone.",
                  bench::compute::recall_scenarios(),
                  {}},
                 options, output);
}

int run_bench_http(const BenchOptions& options, Output& output) {
  return run_rig({"http",
                  "troupe bench http",
                  "Rig C: a real node's HTTP door on this machine, its device done at once, beside "
                  "the C++ client and the bare server library, in turns.",
                  bench::http::http_scenarios(),
                  {}},
                 options, output);
}

int run_bench_link(const BenchOptions& options, Output& output) {
  return run_rig({"link",
                  "troupe bench link",
                  "Rig C: two real nodes and the link between them on this machine's loopback "
                  "interface, beside raw TCP and ZeroMQ alone, in turns.",
                  bench::link::link_scenarios(),
                  {}},
                 options, output);
}

}  // namespace troupe::apps
