// troupe logs: what the nodes that `troupe up` started here have logged, in order of time.
#include <deque>

#include "apps/cluster.hpp"
#include "apps/interrupts.hpp"
#include "apps/log_tail.hpp"
#include "apps/verbs.hpp"
#include "base/id.hpp"

namespace troupe::apps {
namespace {

constexpr Duration look_again = std::chrono::milliseconds(200);

struct Chosen {
  std::string task;  // in the line; empty: every line
  [[nodiscard]] bool has(const LogLine& line) const {
    return line.text.find(task) != std::string::npos;
  }
};

void tell(const std::string& node, const LogLine& line, Output& output) {
  if (output.json())
    output.object(as_object(line, node));
  else
    output.text(for_people(line, node, {true, output.colour()}));
}

// The last so many that are there already; all where that is zero.
void tell_kept(std::vector<LogTail>& tails, const Chosen& chosen, std::size_t last,
               Output& output) {
  std::deque<std::pair<std::string, LogLine>> kept;
  merge(tails, [&](const std::string& node, const LogLine& line) {
    if (!chosen.has(line)) return true;
    if (last == 0) {
      tell(node, line, output);
      return output.flush();
    }
    kept.emplace_back(node, line);
    if (kept.size() > last) kept.pop_front();
    return true;
  });
  for (const auto& [node, line] : kept) tell(node, line, output);
}

}  // namespace

int run_logs(const LogsOptions& options, Output& output) {
  Interrupts interrupts;
  Chosen chosen;
  if (!options.task.empty()) {
    const auto id = parse_task_id(options.task);
    if (!id) return output.fail(id.error());
    chosen.task = to_string(*id);
  }
  const auto loaded = config::load_config(options.config.config,
                                          {config::config_environment(), options.config.set});
  if (!loaded) return output.fail(loaded.error());
  const auto nodes = choose_nodes(loaded->config, options.node);
  if (!nodes) return output.fail(nodes.error());
  const auto state = config::state_folder(loaded->config);
  if (!state) return output.fail(state.error());

  std::vector<LogTail> tails;
  bool any = false;
  for (const auto& node : *nodes) {
    tails.emplace_back(node, *state + "/logs/" + node + ".log");
    any = any || tails.back().any();
  }
  if (!any)
    return output.fail(
        {ErrorCode::not_found,
         "no logs of the cluster '" + loaded->config.cluster.name + "' in " + *state + "/logs",
         "troupe up keeps those of the nodes that it starts, on its machine; others "
         "log to their standard error"});
  tell_kept(tails, chosen, options.last, output);
  while (options.follow && output.flush() && !interrupts.wait(look_again))
    merge(tails, [&](const std::string& node, const LogLine& line) {
      if (chosen.has(line)) tell(node, line, output);
      return true;
    });
  return exit_ok;
}

}  // namespace troupe::apps
