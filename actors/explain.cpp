#include "actors/explain.hpp"

#include <nlohmann/json.hpp>

#include "actors/task_spans.hpp"

namespace troupe::actors {
namespace {

using nlohmann::json;

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

json ms_unless_zero(Duration duration) {
  if (duration == Duration::zero()) return nullptr;
  return ms(duration);
}

}  // namespace

std::string to_json(const Explanation& one, const ExplainedNames& names) {
  const scheduler::TaskRecord& task = one.record;
  json asked = nullptr;
  if (task.lane) asked = name(*task.lane);
  json limit = nullptr;
  if (task.deadline != never) limit = ms(task.deadline - task.submitted);
  json error = nullptr;
  if (!one.ok) error = name(one.error);
  json trace = nullptr;
  if (one.traced) trace = trace_id(one.traced->asked);
  const json answer = {{"task", to_string(one.known_as)},
                       {"trace", trace},
                       {"node", names.node},
                       {"operation", name(task.kind.operation)},
                       {"model", names.model},
                       {"tenant", names.tenant},
                       {"workflow", names.workflow},
                       {"units", task.units},
                       {"asked_lane", asked},
                       {"time_limit_ms", limit},
                       {"lane", name(one.timing.lane)},
                       {"raised", one.raised},
                       {"ok", one.ok},
                       {"error", error},
                       {"queue_ms", ms(one.timing.queue)},
                       {"batch_wait_ms", ms(one.timing.batch_wait)},
                       {"compute_ms", ms(one.timing.compute)},
                       {"predicted_ms", ms(one.timing.predicted)},
                       {"batch_tasks", one.timing.batch_tasks},
                       {"entry", name(one.timing.entry)},
                       {"reason", name(one.timing.reason)},
                       {"retry_after_ms", ms_unless_zero(one.retry_after)},
                       {"earliest_deadline_ms", ms_unless_zero(one.earliest_deadline)}};
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace troupe::actors
