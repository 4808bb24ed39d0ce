#include "kernels/recall_rules.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>

#include "base/limits.hpp"

namespace troupe::kernels {
namespace {

double square_length(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  return squares;
}

}  // namespace

Status check_recall(const Recall& task) {
  if (task.k == 0 || task.k > limits::recall_hits_max)
    return Error{ErrorCode::invalid_argument,
                 "a recall of " + std::to_string(task.k) + " documents",
                 "ask for 1 to " + std::to_string(limits::recall_hits_max)};
  if (task.query.empty() || task.query.size() > limits::embedding_width_max)
    return Error{ErrorCode::invalid_argument,
                 "a query of " + std::to_string(task.query.size()) + " numbers",
                 "send 1 to " + std::to_string(limits::embedding_width_max)};
  const double squares = square_length(task.query);
  if (!std::isfinite(squares))
    return Error{ErrorCode::invalid_argument, "a query that is not finite", ""};
  if (squares == 0) return Error{ErrorCode::invalid_argument, "a query that is all zeros", ""};
  return {};
}

Status check_width(const Recall& task, Memories memories) {
  for (const auto& memory : memories) {
    if (memory->width() != task.query.size())
      return Error{ErrorCode::invalid_argument,
                   "a query of width " + std::to_string(task.query.size()) + " for " +
                       memory->name() + ", which remembers width " +
                       std::to_string(memory->width()),
                   "encode the query with the model that encoded the memory"};
  }
  return {};
}

void append_unit(const Recall& task, std::size_t stride, std::vector<float>& to) {
  const double length = std::sqrt(square_length(task.query));
  for (const float x : task.query)
    to.push_back(static_cast<float>(static_cast<double>(x) / length));
  to.resize(to.size() + stride - task.query.size());
}

void mark_recalled(const MemoryStore& store, Memories memories, const Hits& hits) {
  if (store.options().eviction != Eviction::least_recently_recalled) return;
  // Best hit last, so that it is the last to make room.
  for (auto hit = hits.hits.rbegin(); hit != hits.hits.rend(); ++hit) {
    const auto memory = std::find_if(memories.begin(), memories.end(),
                                     [&](const auto& m) { return m->name() == hit->memory; });
    const std::unique_lock lock((*memory)->mutex);
    (*memory)->touch(hit->document);
  }
}

}  // namespace troupe::kernels
