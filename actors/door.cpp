#include "actors/door.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/agent_id.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"

namespace troupe::actors {
namespace {

constexpr std::size_t recall_rows_per_unit = 1000;

template <class Named>
const Named* find(const std::vector<Named>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

template <class Named>
Error missing(const std::string& kind, const std::string& name, const std::vector<Named>& all,
              const std::string& plural) {
  std::string names;
  for (const auto& one : all) names += (names.empty() ? "" : ", ") + one.name;
  return {ErrorCode::model_missing, "there is no " + kind + " '" + name + "' here",
          names.empty() ? "this node has no " + plural : "this node has: " + names};
}

}  // namespace

Status Door::submit(TaskRequest request, ReplyTo reply, TaskId known_as) {
  const Instant at = now();
  if (request.time_limit && *request.time_limit <= Duration::zero())
    return Error{ErrorCode::expired, "the task's time limit was over when it arrived",
                 "allow more time"};
  auto checked = check(request);
  if (!checked) return checked.error();

  Submission task;
  task.record.id = request.id;
  task.record.kind = checked->kind;
  task.record.account = accounts_.account_of(request);
  task.record.units = checked->units;
  task.record.lane = request.lane;
  task.record.submitted = at;
  task.record.deadline = request.time_limit ? later(at, *request.time_limit) : never;
  task.known_as = known_as.is_none() ? request.id : known_as;
  task.work = std::move(checked->work);
  task.reply = std::move(reply);
  return dispatcher_.submit(std::move(task));
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
  const NamedModel* const found = find(options_.models, model);
  if (found == nullptr) return missing("model", model, options_.models, "models");
  if (classify && found->model->bert->config.labels == 0)
    return Error{ErrorCode::unsupported, "model '" + model + "' has no classifier",
                 "encode the text, or name a model that was tuned to classify"};
  auto tokens = found->model->tokenize(text);
  if (!tokens) return tokens.error();
  tokens->classify = classify;
  const ModelId id{static_cast<std::uint32_t>(found - options_.models.data())};
  const auto units = static_cast<std::uint32_t>(tokens->ids.size());
  return Checked{{scheduler::Operation::encode, id}, units, std::move(*tokens)};
}

Result<Door::Checked> Door::check_act(TaskRequest& request, Act& act) const {
  const NamedPolicy* const found = find(options_.policies, request.model);
  if (found == nullptr) return missing("policy", request.model, options_.policies, "policies");
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
  const ModelId id{static_cast<std::uint32_t>(found - options_.policies.data())};
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
