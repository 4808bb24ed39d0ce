#include "actors/door.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>

#include "base/agent_id.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"

namespace troupe::actors {
namespace {

constexpr std::size_t recall_rows_per_unit = 1000;

bool is_text(const TaskRequest& request) {
  return std::holds_alternative<Encode>(request.work) ||
         std::holds_alternative<Classify>(request.work);
}

Error missing(const std::string& name, const std::vector<NamedPolicy>& all) {
  std::string names;
  for (const auto& one : all) names += (names.empty() ? "" : ", ") + one.name;
  return {ErrorCode::model_missing, "there is no policy '" + name + "' here",
          names.empty() ? "this node has no policies" : "this node has: " + names};
}

}  // namespace

Status Door::submit(TaskRequest request, ReplyTo reply, TaskId known_as) {
  tracing::Tracer* const tracer = options_.tracer;
  if (tracer != nullptr && request.trace.is_none()) request.trace = tracer->begin_if_sampling();
  const bool recorded = tracer != nullptr && tracer->records(request.trace);
  const auto traced = recorded ? traced_task(request, !known_as.is_none(), tracer) : nullptr;
  const TaskId id = known_as.is_none() ? request.id : known_as;
  auto taken = take(std::move(request), std::move(reply), known_as);
  if (taken) return taken;
  stats_.update([code = taken.error().code](NodeStats& stats) { ++stats.refused[code]; });
  if (recorded) tracer->record(span_of_refused(*traced, id, now(), taken.error()));
  return taken;
}

Status Door::take(TaskRequest&& request, ReplyTo&& reply, TaskId known_as) {
  const Instant at = now();
  if (request.time_limit && *request.time_limit <= Duration::zero())
    return Error{ErrorCode::expired, "the task's time limit was over when it arrived",
                 "allow more time"};
  const auto to_wait_for = [&] {
    return is_text(request) ? shelf_.to_wait_for(request.model) : std::nullopt;
  };
  auto model = to_wait_for();
  if (!model) {
    const auto admitted = admit(request, reply, known_as, at);
    if (admitted || admitted.error().code != ErrorCode::model_missing) return admitted;
    model = to_wait_for();  // it may have gone just now
    if (!model) return admitted;
  }
  return wait_for(*model, {std::move(request), std::move(reply), known_as, at});
}

// What it takes out of the request and the reply is lost when the dispatcher refuses, and only
// then.
Status Door::admit(TaskRequest& request, ReplyTo& reply, TaskId known_as, Instant submitted) {
  if (!(request.weight > 0 && request.weight <= limits::task_weight_max))
    return Error{ErrorCode::invalid_argument, "a task of weight " + std::to_string(request.weight),
                 "give it one above 0 and at most 1000000; 1 is usual"};
  auto checked = check(request);
  if (!checked) return checked.error();

  Submission task;
  task.record.id = request.id;
  task.record.kind = checked->kind;
  task.record.account = accounts_.account_of(request);
  task.record.units = checked->units;
  task.record.weight = request.weight;
  task.record.lane = request.lane;
  task.record.submitted = submitted;
  task.record.deadline = request.time_limit ? later(submitted, *request.time_limit) : never;
  task.known_as = known_as.is_none() ? request.id : known_as;
  task.work = std::move(checked->work);
  task.reply = std::move(reply);
  task.traced = traced_task(request, !known_as.is_none(), options_.tracer);
  return dispatcher_.submit(std::move(task));
}

Status Door::wait_for(ModelId model, Early&& task) {
  const TaskId id = task.request.id;
  {
    const std::lock_guard lock(mutex_);
    if (early_.size() >= waiting_max)
      return Error{ErrorCode::queue_full,
                   std::to_string(early_.size()) + " tasks wait for models to be loaded",
                   "retry when model '" + shelf_.name(model) + "' is there"};
    early_.insert_or_assign(id, std::move(task));
  }
  shelf_.load(model, [this, id](const Status& loaded) { model_came(id, loaded); });
  return {};
}

void Door::model_came(TaskId id, const Status& loaded) {
  Early task;
  {
    const std::lock_guard lock(mutex_);
    const auto found = early_.find(id);
    if (found == early_.end()) return;  // canceled
    found->second.admitting = true;
    task = found->second;
  }
  const ReplyTo reply = task.reply;
  Status taken = loaded;
  if (loaded && task.request.time_limit && now() >= later(task.submitted, *task.request.time_limit))
    taken = Error{ErrorCode::expired,
                  "the task's time was over before model '" + task.request.model + "' was loaded",
                  "allow more time, or load the model beforehand: troupe model load"};
  else if (loaded)
    taken = admit(task.request, task.reply, task.known_as, task.submitted);
  // It may have gone as soon as it had come: then once more.
  std::optional<ModelId> again;
  if (loaded && !taken && taken.error().code == ErrorCode::model_missing)
    again = shelf_.to_wait_for(task.request.model);
  bool canceled = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = early_.find(id);
    canceled = found->second.canceled;
    if (canceled) again.reset();
    if (again)
      found->second.admitting = false;
    else
      early_.erase(found);
  }
  if (again)
    shelf_.load(*again, [this, id](const Status& came) { model_came(id, came); });
  else if (!taken)
    answer_one(reply, TaskOutcome{id, taken.error(), {}});
  else if (canceled)
    dispatcher_.cancel(id);
}

void Door::cancel(TaskId task) {
  std::optional<Early> early;
  {
    const std::lock_guard lock(mutex_);
    const auto found = early_.find(task);
    if (found != early_.end() && found->second.admitting) {
      found->second.canceled = true;
      return;
    }
    if (found != early_.end()) {
      early = std::move(found->second);
      early_.erase(found);
    }
  }
  if (!early) return dispatcher_.cancel(task);
  answer_one(early->reply,
             TaskOutcome{task, Error{ErrorCode::canceled, "the task was canceled", ""}, {}});
}

void Door::look(TaskId task, Looking how, OnFound found) {
  std::optional<LiveTask> live;
  {
    const std::lock_guard lock(mutex_);
    if (const auto early = early_.find(task); early != early_.end() && !early->second.admitting) {
      const Early& one = early->second;
      live.emplace();
      live->record.id = task;
      live->record.account = accounts_.account_of(one.request);
      live->record.units = 0;
      live->record.lane = one.request.lane;
      live->record.submitted = one.submitted;
      if (one.request.time_limit)
        live->record.deadline = later(one.submitted, *one.request.time_limit);
      live->known_as = one.known_as.is_none() ? task : one.known_as;
      live->model = one.request.model;
    }
  }
  if (!live) return dispatcher_.look(task, how, std::move(found));
  if (how == Looking::cancel) cancel(task);
  found(live);
}

void Door::raise(TaskId task, Instant deadline) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = early_.find(task);
    if (found != early_.end() && !found->second.admitting) {
      Early& early = found->second;
      early.request.lane = Lane::urgent;
      if (deadline != never)
        early.request.time_limit = std::min(early.request.time_limit.value_or(Duration::max()),
                                            std::max(deadline - early.submitted, Duration::zero()));
      return;
    }
  }
  dispatcher_.raise(task, deadline);
}

Result<Door::Checked> Door::check(TaskRequest& request) const {
  if (const auto* encode = std::get_if<Encode>(&request.work))
    return check_text(request.model, encode->text, false);
  if (const auto* classify = std::get_if<Classify>(&request.work))
    return check_text(request.model, classify->text, true);
  if (auto* act = std::get_if<Act>(&request.work)) return check_act(request, *act);
  return check_recall(std::get<Recall>(request.work));
}

// Encoded and classified by one model, texts share batches: they differ in the last step only.
Result<Door::Checked> Door::check_text(const std::string& model, const std::string& text,
                                       bool classify) const {
  auto taken = shelf_.take(model);
  if (!taken) return taken.error();
  if (classify && taken->model->bert->config.labels == 0)
    return Error{ErrorCode::unsupported, "model '" + model + "' has no classifier",
                 "encode the text, or name a model that was tuned to classify"};
  auto tokens = taken->model->tokenize(text);
  if (!tokens) return tokens.error();
  tokens->classify = classify;
  tokens->keeps = std::move(taken->lease);
  const auto units = static_cast<std::uint32_t>(tokens->ids.size());
  return Checked{{scheduler::Operation::encode, taken->id}, units, std::move(*tokens)};
}

Result<Door::Checked> Door::check_act(TaskRequest& request, Act& act) const {
  const auto& all = options_.policies;
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const NamedPolicy& one) { return one.name == request.model; });
  if (found == all.end()) return missing(request.model, all);
  const auto width = found->policy.model->observation_width();
  if (act.observation.size() != width)
    return Error{ErrorCode::invalid_argument,
                 "an observation of " + std::to_string(act.observation.size()) + " numbers",
                 "policy '" + request.model + "' looks at " + std::to_string(width)};
  if (!std::all_of(act.observation.begin(), act.observation.end(),
                   [](float x) { return std::isfinite(x); }))
    return Error{ErrorCode::invalid_argument, "an observation holds a number that is not finite",
                 "leave out what could not be measured before you ask"};
  const std::string& agent = act.agent.empty() ? request.agent : act.agent;
  if (const auto who = parse_agent_id(agent); !who)
    return Error{ErrorCode::invalid_argument,
                 agent.empty() ? "nobody is said to act" : "'" + agent + "' is no agent that acts",
                 "name who decides, as in game/7: chance is drawn for each by itself"};
  if (act.step > kernels::DecisionKey::step_max)
    return Error{
        ErrorCode::invalid_argument, "step " + std::to_string(act.step) + " of " + agent,
        "count from zero; " + std::to_string(kernels::DecisionKey::step_max) + " is the last"};
  const ModelId id{static_cast<std::uint32_t>(found - all.begin())};
  return Checked{
      {scheduler::Operation::act, id},
      1,
      kernels::Decision{std::move(act.observation), {kernels::agent_number(agent), act.step}}};
}

Result<Door::Checked> Door::check_recall(Recall& recall) const {
  if (recall.k == 0 || recall.k > limits::recall_hits_max)
    return Error{ErrorCode::invalid_argument,
                 "recall of " + std::to_string(recall.k) + " documents",
                 "ask for 1 to " + std::to_string(limits::recall_hits_max)};
  if (recall.query.empty() || recall.query.size() > limits::embedding_width_max ||
      !std::all_of(recall.query.begin(), recall.query.end(),
                   [](float x) { return std::isfinite(x); }))
    return Error{ErrorCode::invalid_argument,
                 "recall needs a query of 1 to " + std::to_string(limits::embedding_width_max) +
                     " finite numbers",
                 "encode the question first and pass its vector"};
  auto memories = options_.memory->find(recall.scope);
  if (!memories) return memories.error();
  std::size_t rows = 0;
  for (const auto& memory : *memories) {
    const std::shared_lock lock(memory->mutex);
    rows += memory->slots();
  }
  const auto units = static_cast<std::uint32_t>(1 + rows / recall_rows_per_unit);
  return Checked{{scheduler::Operation::recall, ModelId{}}, units, std::move(recall)};
}

}  // namespace troupe::actors
