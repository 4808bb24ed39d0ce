#include "actors/door.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/clock.hpp"
#include "base/limits.hpp"

namespace troupe::actors {
namespace {

constexpr std::size_t recall_rows_per_unit = 1000;

std::string model_names(const std::vector<NamedModel>& models) {
  std::string names;
  for (const auto& model : models) names += (names.empty() ? "" : ", ") + model.name;
  return names.empty() ? "this node has no models" : "this node has: " + names;
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
    return check_encode(request.model, *encode);
  return check_recall(std::get<Recall>(request.work));
}

Result<Door::Checked> Door::check_encode(const std::string& model, const Encode& encode) const {
  const auto found =
      std::find_if(options_.models.begin(), options_.models.end(),
                   [&](const NamedModel& candidate) { return candidate.name == model; });
  if (found == options_.models.end())
    return Error{ErrorCode::model_missing, "there is no model '" + model + "' here",
                 model_names(options_.models)};
  auto tokens = found->model->tokenize(encode.text);
  if (!tokens) return tokens.error();
  const ModelId id{static_cast<std::uint32_t>(found - options_.models.begin())};
  const auto units = static_cast<std::uint32_t>(tokens->ids.size());
  return Checked{{scheduler::Operation::encode, id}, units, std::move(*tokens)};
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
