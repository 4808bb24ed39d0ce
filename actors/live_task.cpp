#include "actors/live_task.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace troupe::actors {
namespace {

using nlohmann::json;

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

json text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

json lane_or_null(std::optional<Lane> lane) {
  if (!lane) return nullptr;
  return name(*lane);
}

// What every answer says. The states have the names that A2A gives them.
json answer_of(TaskId asked, const std::string& node, const char* state, const char* where) {
  return {{"task", to_string(asked)}, {"node", node}, {"state", state}, {"where", where}};
}

void add_times(json& answer, Instant submitted, Instant deadline, Instant now) {
  answer["age_ms"] = ms(std::max(Duration::zero(), now - submitted));
  answer["deadline_left_ms"] = nullptr;
  if (deadline != never) answer["deadline_left_ms"] = ms(deadline - now);
}

std::string written(json answer, Looking how, bool canceled) {
  if (how == Looking::cancel) answer["canceled"] = canceled;
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const LiveTask& task, TaskId asked, Instant now, const LiveNames& names,
                    Looking how) {
  json answer = task.running ? answer_of(asked, names.node, "working", "launched")
                : task.model ? answer_of(asked, names.node, "submitted", "waiting_for_model")
                             : answer_of(asked, names.node, "submitted", "queued");
  add_times(answer, task.record.submitted, task.record.deadline, now);
  answer["operation"] = name(task.record.kind.operation);
  answer["model"] = task.model.value_or(names.model);
  answer["tenant"] = names.tenant;
  answer["workflow"] = names.workflow;
  answer["units"] = task.record.units;
  answer["lane"] = lane_or_null(task.record.lane);
  answer["raised"] = task.raised;
  answer["result_dropped"] = task.running && (task.canceled || how == Looking::cancel);
  answer["from"] = text_or_null(names.from);
  answer["worker"] = text_or_null(names.worker);
  if (task.running) {
    answer["running_ms"] = ms(std::max(Duration::zero(), now - task.running->since));
    answer["batch_tasks"] = task.running->batch_tasks;
  }
  return written(std::move(answer), how, true);
}

std::string to_json(const OnItsWay& task, TaskId asked, Instant now, const std::string& node,
                    Looking how) {
  json answer = answer_of(asked, node, "submitted", "on_its_way");
  add_times(answer, task.submitted, task.deadline, now);
  answer["model"] = task.model;
  answer["lane"] = lane_or_null(task.lane);
  answer["to"] = text_or_null(task.node);
  answer["step"] = task.accepted ? "held" : task.offered ? "offered" : "waiting";
  return written(std::move(answer), how, true);
}

std::string to_json(const Explanation& one, TaskId asked, const std::string& node,
                    const std::string& explanation, Looking how) {
  const char* state = one.ok                             ? "completed"
                      : one.error == ErrorCode::canceled ? "canceled"
                                                         : "failed";
  json answer = answer_of(asked, node, state, "finished");
  answer["explanation"] = json::parse(explanation, nullptr, false);
  return written(std::move(answer), how, false);
}

}  // namespace troupe::actors
