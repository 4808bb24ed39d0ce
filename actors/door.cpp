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

void Door::open(caf::actor fast_lane, caf::actor batcher) {
  const std::unique_lock lock(mutex_);
  lanes_ = {std::move(fast_lane), std::move(batcher)};
}

Status Door::submit(TaskRequest request, Reply reply) {
  const Instant at = now();
  if (request.time_limit && *request.time_limit <= Duration::zero())
    return Error{ErrorCode::expired, "the task's time limit was over when it arrived",
                 "allow more time"};
  auto checked = check(request);
  if (!checked) return checked.error();

  const Instant deadline = request.time_limit ? later(at, *request.time_limit) : never;
  const Lane lane = scheduler::choose_lane(options_.lanes, request.lane, at, deadline,
                                           options_.cost.of(checked->units));
  const auto index = static_cast<std::size_t>(lane);
  const std::shared_lock lock(mutex_);
  if (!lanes_[index])
    return Error{ErrorCode::draining, "the node is shutting down", "submit it to another node"};
  if (held_[index].fetch_add(1, std::memory_order_relaxed) >=
      static_cast<std::int64_t>(options_.tasks_max[index])) {
    held_[index].fetch_sub(1, std::memory_order_relaxed);
    return Error{ErrorCode::queue_full,
                 "the " + std::string(name(lane)) + " lane holds its limit of " +
                     std::to_string(options_.tasks_max[index]) + " tasks",
                 "retry when some are done, or raise queue_tasks_max"};
  }
  scheduler::TaskRecord record{request.id, checked->kind, TenantId{}, checked->units, at, deadline};
  EnterLane task{record, std::move(checked->work), std::move(reply)};
  if (lane == Lane::urgent)
    post_urgent(lanes_[index], std::move(task));
  else
    post(lanes_[index], std::move(task));
  return {};
}

void Door::cancel(TaskId task) {
  const std::shared_lock lock(mutex_);
  for (const auto& lane : lanes_)
    if (lane) post(lane, CancelInLane{task});
}

void Door::close() {
  const std::unique_lock lock(mutex_);
  lanes_ = {};
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
    rows += memory->documents.size();
  }
  const auto units = static_cast<std::uint32_t>(1 + rows / recall_rows_per_unit);
  return Checked{{scheduler::Operation::recall, ModelId{}}, units, std::move(recall)};
}

}  // namespace troupe::actors
