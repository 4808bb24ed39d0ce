// troupe drain NODE FILE, troupe undrain NODE FILE: a node out of service, and back in.
#include <nlohmann/json.hpp>

#include "apps/draining.hpp"
#include "apps/verbs.hpp"
#include "base/clock.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

int tell(const std::string& node, const json& answer, const std::string& text, Output& output) {
  json object = {{"node", node},
                 {"epoch", answer.value("epoch", std::uint64_t{0})},
                 {"draining", answer.value("draining", false)}};
  if (answer.contains("left")) {
    object["left"] = answer["left"];
    object["empty"] = left_of(answer).empty();
  }
  output.text("  " + output.bold(node) + "  " + text);
  output.object(object);
  return exit_ok;
}

}  // namespace

int run_undrain(const DrainOptions& options, Output& output) {
  Interrupts interrupts;
  const auto reached = reach(options.config, options.node);
  if (!reached) return output.fail(reached.error());
  Drainage drainage(*reached->client, interrupts, output);
  const auto answer = drainage.ask(options.node, "undrain");
  if (!answer) return output.fail(answer.error());
  return tell(options.node, *answer, "in service", output);
}

int run_drain(const DrainOptions& options, Output& output) {
  if (options.undo) return run_undrain(options, output);
  const auto timeout = timeout_of(options.timeout);
  if (!timeout) return output.fail(timeout.error());
  Interrupts interrupts;
  const auto reached = reach(options.config, options.node);
  if (!reached) return output.fail(reached.error());
  Drainage drainage(*reached->client, interrupts, output);
  const Instant give_up = later(now(), *timeout);
  if (auto begun = drainage.ask(options.node, "drain"); !begun) return output.fail(begun.error());
  const auto status = drainage.wait_empty(options.node, give_up);
  if (!status) {
    Error error = status.error();
    if (error.next_step.empty())
      error.next_step =
          "it goes on draining: ask again to wait on, or take it back with troupe "
          "undrain " +
          options.node;
    return output.fail(error);
  }
  return tell(options.node, *status, "drained: nothing left; it takes no new tasks", output);
}

}  // namespace troupe::apps
