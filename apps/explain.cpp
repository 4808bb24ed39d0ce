// troupe explain TASK: how a task of the last few thousand came to its outcome, and why it waited.
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/asking.hpp"
#include "apps/verbs.hpp"
#include "base/id.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

Duration time_of(const json& answer, const char* key) {
  return duration_of(answer, key).value_or(Duration::zero());
}

std::string why_launched(const std::string& reason) {
  if (reason == "full") return "the batch was full";
  if (reason == "pressing") return "waiting longer would have missed a deadline";
  if (reason == "enough") return "waiting for more would have cost more than it saved";
  if (reason == "urgent") return "urgent, by itself: the device had time for that";
  if (reason == "ride") return "urgent, at the head of an ordinary batch";
  if (reason == "unbatched") return "batching is off";
  return reason;
}

std::string line_of(Duration at, Duration took, const std::string& what) {
  std::array<char, 64> times{};
  std::snprintf(times.data(), times.size(), "  %10s  %10s  ", human_duration(at).c_str(),
                human_duration(took).c_str());
  return "\n" + std::string(times.data()) + what;
}

std::string header_of(const json& answer) {
  std::string text = text_of(answer, "operation");
  if (const auto model = text_of(answer, "model"); !model.empty()) text += " with " + model;
  text += ", " + std::to_string(answer.value("units", 0U)) + " units, tenant " +
          text_of(answer, "tenant");
  if (const auto flow = text_of(answer, "workflow"); !flow.empty()) text += ", workflow " + flow;
  const std::string asked = text_of(answer, "asked_lane");
  text += "\nasked for: " + (asked.empty() ? "no lane" : "the " + asked + " lane");
  const Duration limit = time_of(answer, "time_limit_ms");
  text += limit == Duration{} ? ", no time limit" : ", within " + human_duration(limit);
  if (answer.value("raised", false)) text += "; raised, because somebody urgent waited for it";
  return text;
}

// What ran: each wait with its reason.
std::string timeline_of(const json& answer) {
  const Duration queue = time_of(answer, "queue_ms");
  const Duration wait = time_of(answer, "batch_wait_ms");
  const Duration compute = time_of(answer, "compute_ms");
  std::string text = line_of({}, queue, "queued until a device could take it");
  text += line_of(queue, wait, "waited for company");
  text += line_of(queue + wait, compute,
                  "on the device, " + text_of(answer, "entry") +
                      (text_of(answer, "entry") == "inside" ? " a running batch" : "") + ", with " +
                      std::to_string(answer.value("batch_tasks", 1U) - 1) + " others; predicted " +
                      human_duration(time_of(answer, "predicted_ms")));
  text += line_of(queue + wait + compute, {}, "outcome");
  return text + "\nlaunched in the " + text_of(answer, "lane") +
         " lane because: " + why_launched(text_of(answer, "reason"));
}

std::string describe(const json& answer) {
  std::string text = "task " + text_of(answer, "task") + " on node " + text_of(answer, "node") +
                     ": " + header_of(answer);
  const bool launched = answer.value("batch_tasks", 0U) != 0;
  if (launched) text += timeline_of(answer);
  const std::string error = text_of(answer, "error");
  if (error.empty()) return text;
  text += launched ? "\nfailed: " + error
                   : line_of(time_of(answer, "queue_ms"), {}, "refused: " + error);
  if (const Duration nearest = time_of(answer, "earliest_deadline_ms"); nearest != Duration{})
    text += "\nthe nearest deadline that could have been met was " + human_duration(nearest) +
            " from then";
  if (const Duration retry = time_of(answer, "retry_after_ms"); retry != Duration{})
    text += "\nasking again made sense " + human_duration(retry) + " later";
  return text;
}

}  // namespace

int run_explain(const ExplainOptions& options, Output& output) {
  const auto id = parse_task_id(options.task);
  if (!id) return output.fail(id.error());
  const auto reached = reach(options.config, "");
  if (!reached) return output.fail(reached.error());

  const auto asked = ask_all(*reached, "explain", to_string(*id));
  if (!asked) return output.fail(asked.error());
  if (asked->answers.empty())
    return output.fail(nobody_knows(
        *asked, {ErrorCode::not_found, "no node knows how task " + to_string(*id) + " ended",
                 "a node remembers the last few thousand that had their outcome on it; `troupe "
                 "task` finds one that has none yet"}));
  output.text(describe(asked->answers.front()));
  output.object(asked->answers.front());
  return exit_ok;
}

}  // namespace troupe::apps
