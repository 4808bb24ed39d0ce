#include "actors/inspector.hpp"

#include "actors/explain.hpp"
#include "base/clock.hpp"

namespace troupe::actors {

bool Inspector::knows(std::string_view verb) noexcept {
  return verb == "task" || verb == "cancel" || verb == "explain";
}

void Inspector::answer(std::string_view verb, const std::string& body, ControlAnswer answer) const {
  const auto task = parse_task_id(body);
  if (!task) return answer(task.error());
  if (verb == "explain") return answer(explain(*task));
  look(*task, verb == "cancel" ? Looking::cancel : Looking::only, std::move(answer));
}

void Inspector::look(TaskId task, Looking how, ControlAnswer answer) const {
  auto known = world_.bridge->look(task);
  // Under the id that it has on the devices here, if there is one.
  const TaskId here = known.here.value_or(task);
  world_.door->look(
      here, how,
      [this, task, how, known = std::move(known),
       answer = std::move(answer)](const std::optional<LiveTask>& live) {
        // Told before it is concluded, so that it says what was canceled.
        const auto told = tell(task, how, live, known);
        if (how == Looking::cancel) world_.bridge->cancel(task);
        if (how == Looking::cancel && (live || known.ours))
          world_.log->info("a task was canceled by request", {{"task", to_string(task)}});
        answer(told);
      });
}

Result<std::string> Inspector::tell(TaskId task, Looking how, const std::optional<LiveTask>& live,
                                    const Exchange::Whereabouts& known) const {
  if (live) {
    LiveNames names{world_.node,
                    model_of(live->record.kind),
                    world_.door->accounts().tenant(live->record.account.tenant),
                    world_.door->accounts().workflow(live->record.account.workflow),
                    "",
                    known.from};
    if (live->running) names.worker = devices_[live->running->worker.value]->info().name;
    return to_json(*live, task, now(), names, how);
  }
  if (known.ours) return to_json(*known.ours, task, now(), world_.node, how);
  if (const auto done = explanations_.find(task))
    return to_json(*done, task, world_.node, explanation_of(*done), how);
  return Error{ErrorCode::not_found,
               "node '" + world_.node + "' does not know task " + to_string(task),
               "it knows those that wait or run, and the last " +
                   std::to_string(Explanations::tasks_max) + " that had their outcome here"};
}

Result<std::string> Inspector::explain(TaskId task) const {
  if (const auto found = explanations_.find(task)) return explanation_of(*found);
  return Error{ErrorCode::not_found,
               "node '" + world_.node + "' does not know task " + to_string(task),
               "it remembers the last " + std::to_string(Explanations::tasks_max) +
                   " that had their outcome here"};
}

std::string Inspector::explanation_of(const Explanation& one) const {
  const scheduler::TaskRecord& record = one.record;
  return to_json(one, {world_.node, model_of(record.kind),
                       world_.door->accounts().tenant(record.account.tenant),
                       world_.door->accounts().workflow(record.account.workflow)});
}

std::string Inspector::model_of(scheduler::Kind kind) const {
  if (kind.operation == scheduler::Operation::encode) return shelf_.name(kind.model);
  if (kind.operation == scheduler::Operation::act) return policies_[kind.model.value].name;
  return "";
}

}  // namespace troupe::actors
