// troupe task ID and troupe cancel ID: where one task is, and its end before its time.
#include <algorithm>
#include <array>

#include "apps/asking.hpp"
#include "apps/verbs.hpp"
#include "base/id.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

std::string time_of(const json& answer, const char* key) {
  const auto time = duration_of(answer, key);
  return time ? human_duration(*time) : "?";
}

// What it is and for whom: the end of a line.
std::string about(const json& answer) {
  std::string text;
  if (const auto what = text_of(answer, "operation"); !what.empty()) text += ", " + what;
  if (const auto model = text_of(answer, "model"); !model.empty()) text += " with " + model;
  if (const auto tenant = text_of(answer, "tenant"); !tenant.empty()) text += ", tenant " + tenant;
  if (const auto flow = text_of(answer, "workflow"); !flow.empty()) text += ", workflow " + flow;
  if (const auto from = text_of(answer, "from"); !from.empty()) text += ", given by " + from;
  return text;
}

std::string deadline_of(const json& answer) {
  const auto left = duration_of(answer, "deadline_left_ms");
  if (!left) return ", no time limit";
  return *left < Duration::zero() ? ", its time is over" : ", " + human_duration(*left) + " left";
}

std::string lane_of(const json& answer) {
  const auto lane = text_of(answer, "lane");
  return lane.empty() ? "no lane asked for" : "the " + lane + " lane";
}

std::string on_its_way(const json& answer) {
  const auto to = text_of(answer, "to");
  const auto step = text_of(answer, "step");
  std::string text = "on its way: ";
  if (step == "held")
    text += "node '" + to + "' has it";
  else if (step == "offered")
    text += "offered to node '" + to + "', no word yet";
  else
    text += to.empty() ? "waits for a node that takes it" : "waits for node '" + to + "'";
  return text + ", submitted here " + time_of(answer, "age_ms") + " ago";
}

std::string ended(const json& answer) {
  const json why = answer.value("explanation", json::object());
  std::string text = text_of(answer, "state");
  if (const auto error = text_of(why, "error"); !error.empty() && error != text)
    text += ": " + error;
  return text + ", queued " + time_of(why, "queue_ms") + ", waited for company " +
         time_of(why, "batch_wait_ms") + ", on the device " + time_of(why, "compute_ms") +
         about(why) + "; troupe explain tells more";
}

std::string place_of(const json& answer) {
  const auto where = text_of(answer, "where");
  if (where == "on_its_way") return on_its_way(answer) + deadline_of(answer) + about(answer);
  if (where == "waiting_for_model")
    return "waits for its model to be loaded, for " + time_of(answer, "age_ms") +
           deadline_of(answer) + about(answer);
  if (where == "queued")
    return "queued, " + lane_of(answer) + ", for " + time_of(answer, "age_ms") +
           deadline_of(answer) + about(answer);
  if (where == "launched")
    return "on device " + text_of(answer, "worker") + " for " + time_of(answer, "running_ms") +
           ", with " +
           std::to_string(std::max<std::uint64_t>(1, count_of(answer, "batch_tasks")) - 1) +
           " others" + (flag_of(answer, "result_dropped") ? "; its result is dropped" : "") +
           deadline_of(answer) + about(answer);
  return ended(answer);
}

// Of what several nodes say of one task, what tells most. A node that has it queued or running has
// it now; one that refused it is less than one that still looks for another.
std::size_t weight_of(const json& answer) {
  static constexpr std::array<std::string_view, 5> order = {
      "launched", "queued", "waiting_for_model", "finished", "on_its_way"};
  const auto where = text_of(answer, "where");
  if (where == "finished" && text_of(answer, "state") == "failed") return order.size();
  return static_cast<std::size_t>(std::find(order.begin(), order.end(), where) - order.begin());
}

const json& main_answer(const std::vector<json>& answers) {
  return *std::min_element(answers.begin(), answers.end(), [](const json& a, const json& b) {
    return weight_of(a) < weight_of(b);
  });
}

std::string what_cancel_did(const json& answer) {
  const auto where = text_of(answer, "where");
  if (where == "finished") return "had ended already: " + place_of(answer);
  if (where == "launched")
    return "runs on device " + text_of(answer, "worker") + "; its result is dropped";
  if (where == "on_its_way") return "was on its way; canceled";
  return where == "queued" ? "was queued; canceled" : "waited for its model; canceled";
}

Error unknown(TaskId id) {
  return {ErrorCode::not_found, "task " + to_string(id) + " is known to no node",
          "a node knows those that wait or run on it, and the last few thousand that had their "
          "outcome on it"};
}

void tell(const Asked& asked, const std::string& head, std::string (*line)(const json&),
          Output& output) {
  std::string text = head;
  for (const auto& answer : asked.answers)
    text += "\n  " + output.bold(text_of(answer, "node")) + "  " + line(answer);
  if (const auto note = silent_note(asked); !note.empty()) text += "\n  " + note;
  output.text(text);
}

int run(const TaskOptions& options, bool cancel, Output& output) {
  const auto id = parse_task_id(options.task);
  if (!id) return output.fail(id.error());
  const auto reached = reach(options.config, "");
  if (!reached) return output.fail(reached.error());
  const auto asked = ask_all(*reached, cancel ? "cancel" : "task", to_string(*id));
  if (!asked) return output.fail(asked.error());
  if (asked->answers.empty()) return output.fail(nobody_knows(*asked, unknown(*id)));

  const json& best = main_answer(asked->answers);
  const bool canceled =
      cancel && std::any_of(asked->answers.begin(), asked->answers.end(), [](const json& answer) {
        return text_of(answer, "where") != "finished";
      });
  const std::string state = canceled ? "canceled" : text_of(best, "state");
  tell(*asked, "task " + to_string(*id) + ": " + state, cancel ? what_cancel_did : place_of,
       output);
  json object = {{"task", to_string(*id)},        {"state", state},
                 {"node", text_of(best, "node")}, {"where", text_of(best, "where")},
                 {"nodes", asked->answers},       {"silent", asked->silent_names()}};
  if (cancel) object["canceled"] = canceled;
  output.object(object);
  return exit_ok;
}

}  // namespace

int run_task(const TaskOptions& options, Output& output) {
  return run(options, false, output);
}

int run_cancel(const TaskOptions& options, Output& output) {
  return run(options, true, output);
}

}  // namespace troupe::apps
