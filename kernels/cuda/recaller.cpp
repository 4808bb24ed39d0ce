#include "kernels/cuda/recaller.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

namespace troupe::cuda {
namespace {

constexpr std::size_t queries_at_once = 32;
constexpr std::size_t lists_bytes = std::size_t{8} << 20;
constexpr std::size_t plan_bytes_first = std::size_t{256} << 10;
// A round's best and those before, of every query: what is brought back at most.
constexpr std::size_t results_bytes = 2 * queries_at_once * recall_keep_max * sizeof(Candidate);
static_assert(lists_bytes >=
              recall_lists_min(queries_at_once) * recall_keep_max * sizeof(Candidate));

}  // namespace

Result<std::unique_ptr<Recaller>> Recaller::open(Gpu& gpu, Stream stream, Bell& bell,
                                                 std::shared_ptr<const kernels::MemoryStore> store,
                                                 std::shared_ptr<ResidentMemories> residents) {
  std::unique_ptr<Recaller> recaller(
      new Recaller(gpu, stream, bell, std::move(store), std::move(residents)));
  using Kind = Buffer::Kind;
  const char* const doing = "allocating for recalls";
  for (const auto& [buffer, kind, bytes] :
       {std::tuple(&recaller->lists_, Kind::device, lists_bytes),
        std::tuple(&recaller->results_, Kind::pinned, results_bytes),
        std::tuple(&recaller->plan_, Kind::device, plan_bytes_first),
        std::tuple(&recaller->plan_pinned_, Kind::pinned, plan_bytes_first)}) {
    if (auto good = buffer->allocate(gpu, kind, bytes, doing); !good) return good.error();
  }
  return recaller;
}

Status Recaller::recall(std::span<const Recall* const> tasks, std::vector<Result<Hits>>& answers,
                        const Yield& yield) {
  answers.assign(tasks.size(), Hits{});
  std::vector<Query> queries;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (auto good = kernels::check_recall(*tasks[i]); !good)
      answers[i] = good.error();
    else
      queries.push_back({tasks[i], i});
  }
  // Groups of one scope and width, those who asked first in front.
  std::stable_sort(queries.begin(), queries.end(), [](const Query& a, const Query& b) {
    if (a.task->scope != b.task->scope) return a.task->scope < b.task->scope;
    return a.task->query.size() < b.task->query.size();
  });
  for (std::size_t first = 0, end = 0; first < queries.size(); first = end) {
    const Recall& task = *queries[first].task;
    while (end < queries.size() && end - first < queries_at_once &&
           queries[end].task->scope == task.scope &&
           queries[end].task->query.size() == task.query.size())
      ++end;
    if (yield.give_way) yield.give_way();
    if (auto good = answer_group(std::span(queries).subspan(first, end - first), answers, yield);
        !good)
      return good;
  }
  return {};
}

Status Recaller::answer_group(std::span<const Query> group, std::vector<Result<Hits>>& answers,
                              const Yield& yield) {
  const auto refuse = [&](const Error& error) {
    for (const auto& query : group) answers[query.answer] = error;
    return Status{};
  };
  const Recall& first = *group.front().task;
  const auto memories = store_->find(first.scope);
  if (!memories) return refuse(memories.error());
  if (auto good = kernels::check_width(first, *memories); !good) return refuse(good.error());
  const auto pieces = residents_->begin_scan(*memories, stream_);
  if (!pieces) {
    if (pieces.error().code != ErrorCode::too_large) return pieces.error();
    return refuse(pieces.error());
  }
  if (pieces->empty()) {
    residents_->end_scan(stream_);
    return {};
  }
  const auto step = scan(group, *pieces, yield);
  if (!step && step.error().code == ErrorCode::too_large) {
    // There was no room for the plan, but the copies of the memories are under way.
    if (auto good = check(gpu_, gpu_.wait(stream_), "ending a recall"); !good) return good;
  }
  residents_->end_scan(stream_);
  if (!step) {
    if (step.error().code != ErrorCode::too_large) return step.error();
    return refuse(step.error());
  }
  for (std::size_t q = 0; q < group.size(); ++q) {
    Hits hits = hits_of(group[q], q * *step, *memories);
    kernels::mark_recalled(*store_, *memories, hits);
    answers[group[q].answer] = std::move(hits);
  }
  return {};
}

Result<std::size_t> Recaller::scan(std::span<const Query> group,
                                   std::span<const ResidentMemories::Piece> pieces,
                                   const Yield& yield) {
  const auto count = static_cast<std::uint32_t>(group.size());
  stride_ = recall_stride(group.front().task->query.size());
  std::uint32_t k = 1;
  queries_.clear();
  for (const auto& query : group) {
    kernels::append_unit(*query.task, stride_, queries_);
    k = std::max(k, query.task->k);
  }
  std::uint64_t rows = 0;
  for (const auto& piece : pieces) rows += piece.count;
  keep_ = std::bit_ceil(static_cast<std::uint32_t>(std::min<std::uint64_t>(k, rows)));
  const RecallPlan plan = plan_recall(
      pieces, count, keep_, static_cast<std::uint32_t>(lists_bytes / (keep_ * sizeof(Candidate))));
  if (auto good = launch(plan); !good) return good.error();
  const std::size_t lists = std::size_t{count - 1} * plan.result_step + 1;
  if (auto good =
          check(gpu_,
                gpu_.copy_out(results_.data(), lists_.at<Candidate>(0) + plan.result * keep_,
                              lists * keep_ * sizeof(Candidate), stream_),
                "bringing hits back");
      !good)
    return good.error();
  if (auto good = end_.mark(gpu_, stream_); !good) return good.error();
  if (auto good = end_.wait(gpu_, stream_, yield); !good) return good.error();
  return plan.result_step;
}

Status Recaller::launch(const RecallPlan& plan) {
  Places places;
  const std::size_t queries = places.take(queries_.size() * sizeof(float));
  const std::size_t scores = places.take(plan.scores.size() * sizeof(ScoreTile));
  const std::size_t merges = places.take(plan.merges.size() * sizeof(MergeTile));
  if (const std::size_t bytes = std::bit_ceil(places.used()); plan_pinned_.size() < places.used()) {
    const char* const doing = "allocating for a large recall";
    if (auto good = plan_.allocate(gpu_, Buffer::Kind::device, bytes, doing); !good) return good;
    if (auto good = plan_pinned_.allocate(gpu_, Buffer::Kind::pinned, bytes, doing); !good)
      return good;
  }
  const auto put = [&](std::size_t place, const auto& values) {
    if (!values.empty())
      std::memcpy(plan_pinned_.data() + place, values.data(), values.size() * sizeof values[0]);
  };
  put(queries, queries_);
  put(scores, plan.scores);
  put(merges, plan.merges);
  if (auto good =
          check(gpu_, gpu_.copy_in(plan_.data(), plan_pinned_.data(), places.used(), stream_),
                "bringing a recall over");
      !good)
    return good;
  auto* const lists = lists_.at<Candidate>(0);
  for (const auto& step : plan.steps) {
    const int status =
        step.merges
            ? gpu_.merge({keep_, step.count, plan_.at<MergeTile>(merges) + step.first, lists},
                         stream_)
            : gpu_.score({stride_, keep_, step.count, plan_.at<ScoreTile>(scores) + step.first,
                          plan_.at<float>(queries), lists},
                         stream_);
    if (auto good = check(gpu_, status, "launching a recall"); !good) return good;
  }
  return {};
}

Hits Recaller::hits_of(const Query& query, std::size_t list, kernels::Memories memories) const {
  const std::span found(results_.at<Candidate>(0) + list * keep_, std::min(query.task->k, keep_));
  Hits hits;
  for (const Candidate& candidate : found) {
    if (candidate.score <= recall_nothing) break;
    hits.hits.push_back({memories[candidate.memory]->name(), candidate.document, candidate.score});
  }
  return hits;
}

}  // namespace troupe::cuda
