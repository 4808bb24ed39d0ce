// troupe run librarians FILE: a scenario on a cluster of its own, started for it and stopped after.
//
// The same load runs three times: with the cluster as its file says, with lanes off, with batching
// off. Each run has fresh processes, so that none profits from the one before.
#include <array>
#include <filesystem>
#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/interrupts.hpp"
#include "apps/processes.hpp"
#include "apps/verbs.hpp"
#include "base/units.hpp"
#include "bench/librarians/report.hpp"
#include "bench/librarians/scenario.hpp"

namespace troupe::apps {
namespace {

constexpr std::size_t questions_shown = 5;
constexpr Duration live_pace = std::chrono::milliseconds(250);
constexpr Duration log_pace = std::chrono::seconds(5);

struct Variant {
  const char* name;
  std::vector<std::string> overrides;
};

const std::array<Variant, 3>& variants() {
  static const std::array<Variant, 3> all = {{{"lanes and batching", {}},
                                              {"lanes off", {"scheduling.lanes=false"}},
                                              {"batching off", {"scheduling.batching=false"}}}};
  return all;
}

Result<bench::Library> load_library(const RunOptions& options,
                                    const std::vector<bench::Question>& questions) {
  if (!options.library.empty()) return bench::folder_library(options.library);
  std::set<std::string> wanted;
  for (const auto& question : questions)
    wanted.insert(question.expected.begin(), question.expected.end());
  return bench::packages_library(options.all ? 0 : options.packages, wanted);
}

std::string progress_line(const std::string& name, const bench::Progress& progress) {
  std::array<char, 200> line{};
  std::snprintf(line.data(), line.size(),
                "%s: %zu of %zu texts shelved, %.0f per second; %llu questions, %llu late, p99 %s",
                name.c_str(), progress.shelved, progress.documents, progress.documents_per_second,
                static_cast<unsigned long long>(progress.questions),
                static_cast<unsigned long long>(progress.missed),
                progress.urgent_p99 == Duration::zero()
                    ? "-"  // nothing was answered yet
                    : human_duration(progress.urgent_p99).c_str());
  return line.data();
}

// The nodes' logs go to files: the screen belongs to the scenario.
Result<std::string> fresh_log_folder(const Config& config) {
  auto state = state_folder(config);
  if (!state) return state.error();
  const std::string folder = *state + "/logs";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  for (const auto& node : config.nodes)
    if (!failed) std::filesystem::remove(folder + "/" + node.name + ".log", failed);
  if (failed)
    return Error{ErrorCode::io, "cannot use the log folder " + folder + ": " + failed.message(),
                 "set XDG_STATE_HOME to a folder that you own"};
  return folder;
}

// Everything of one run of one variant: processes, client, load, and for the first the answers.
struct Runner {
  const RunOptions& options;
  const Cluster& cluster;
  const std::string& log_folder;
  bench::Scenario& scenario;
  Log& log;
  Output& output;

  Status run(const Variant& variant, bench::ScenarioReport& report) const {
    output.progress(std::string(variant.name) + ": starting the cluster");
    std::vector<std::string> overrides = options.config.set;
    overrides.insert(overrides.end(), variant.overrides.begin(), variant.overrides.end());
    auto processes = ClusterProcesses::start(cluster.config,
                                             {options.config.config, overrides, log_folder}, log);
    if (!processes) return processes.error();
    auto client = open_client(cluster);
    if (!client) return client.error();
    if (auto ready = (*processes)->wait_ready(**client); !ready) return ready;

    const Duration pace = output.progress_is_live() ? live_pace : log_pace;
    auto load = scenario.run_load(**client, pace, [&](const bench::Progress& progress) {
      output.progress(progress_line(variant.name, progress));
    });
    if (!load) return load.error();
    const bool first = report.loads.empty();
    report.loads.push_back({variant.name, std::move(*load)});
    if (!first) return {};
    output.progress("asking every question once");
    auto answers = scenario.ask_all(**client);
    if (!answers) return answers.error();
    report.answers = std::move(*answers);
    return {};
  }
};

}  // namespace

int run_run(const RunOptions& options, Output& output) {
  Interrupts interrupts;
  if (options.scenario != "librarians")
    return output.fail({ErrorCode::invalid_argument,
                        "there is no scenario '" + options.scenario + "'", "use librarians"});
  const auto cluster = load_cluster(options.config);
  if (!cluster) return output.fail(cluster.error());
  if (cluster->config.models.empty())
    return output.fail({ErrorCode::config, "the cluster has no model", "add a [model.NAME] table"});
  const auto log = open_log(cluster->config, "");
  const auto log_folder = fresh_log_folder(cluster->config);
  if (!log_folder) return output.fail(log_folder.error());

  output.progress("reading the library");
  const auto questions = bench::read_questions(options.questions);
  if (!questions) return output.fail(questions.error());
  const auto library = load_library(options, *questions);
  if (!library) return output.fail(library.error());

  bench::ScenarioOptions wanted;
  for (const auto& node : cluster->config.nodes) wanted.nodes.push_back(node.name);
  wanted.model = cluster->config.models.front().name;
  wanted.librarians = options.librarians;
  wanted.readers = options.readers;
  bench::Scenario scenario(wanted, *library, *questions, interrupts.watch());
  bench::ScenarioReport report{&wanted, &*library, &*questions, {}, {}};
  const Runner runner{options, *cluster, *log_folder, scenario, *log, output};
  for (const auto& variant : variants())
    if (auto ran = runner.run(variant, report); !ran) return output.fail(ran.error());

  output.text(bench::to_screen(report, questions_shown));
  output.object(nlohmann::json::parse(bench::to_json(report)));
  return exit_ok;
}

}  // namespace troupe::apps
