#include "kernels/cpu/recall.hpp"

#include <algorithm>
#include <shared_mutex>

#include "kernels/recall_rules.hpp"

namespace troupe::kernels::cpu {
namespace {

// One block is some 100 us of reading from main memory at 10 GB/s.
constexpr std::size_t block_floats = 1 << 18;
constexpr std::size_t block_rows_max = 4096;

// More queries than this go over the rows in several passes: their heaps leave the caches.
constexpr std::size_t queries_at_once = 32;

// How far the score of a row's bfloat16 part may lie below that of the row: 2^-8 by its rounding
// (kernels/agent_memory.hpp), and less than 2^-12 by the additions of both, at the largest width.
constexpr float halves_error = 0x1p-8F + 0x1p-12F;

// Beside the reading, each query takes its arithmetic: about an eighth of the time.
std::size_t block_rows(std::size_t width, std::size_t queries) {
  return std::clamp<std::size_t>(block_floats / (width * (1 + queries / 8)), 1, block_rows_max);
}

}  // namespace

Recaller::Recaller(const Tiles& tiles) : tiles_(tiles) {}

Result<Hits> Recaller::recall(const MemoryStore& store, const Recall& task,
                              const YieldHook& yield) {
  const Recall* const one = &task;
  return recall(store, std::span(&one, 1), yield).front();
}

std::vector<Result<Hits>> Recaller::recall(const MemoryStore& store,
                                           std::span<const Recall* const> tasks,
                                           const YieldHook& yield) {
  std::vector<Result<Hits>> answers(tasks.size(), Hits{});
  std::vector<Query> queries;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (auto good = check_recall(*tasks[i]); !good)
      answers[i] = good.error();
    else
      queries.push_back({tasks[i], i, {}});
  }
  // Groups of one scope and width, those who asked first in front.
  std::stable_sort(queries.begin(), queries.end(), [](const Query& a, const Query& b) {
    if (a.task->scope != b.task->scope) return a.task->scope < b.task->scope;
    return a.task->query.size() < b.task->query.size();
  });
  floats_unyielded_ = 0;
  for (std::size_t first = 0, end = 0; first < queries.size(); first = end) {
    const Recall& task = *queries[first].task;
    while (end < queries.size() && end - first < queries_at_once &&
           queries[end].task->scope == task.scope &&
           queries[end].task->query.size() == task.query.size())
      ++end;
    if (first > 0) yield();
    answer_group(store, std::span(queries).subspan(first, end - first), answers, yield);
  }
  return answers;
}

void Recaller::answer_group(const MemoryStore& store, std::span<Query> group,
                            std::vector<Result<Hits>>& answers, const YieldHook& yield) {
  const auto memories = store.find(group.front().task->scope);
  const Status fits =
      memories ? check_width(*group.front().task, *memories) : Status(memories.error());
  if (!fits) {
    for (const auto& query : group) answers[query.answer] = fits.error();
    return;
  }
  pack(group);
  for (const auto& memory : *memories) scan(*memory, group, yield);
  for (auto& query : group) {
    Hits hits = hits_of(query);
    mark_recalled(store, *memories, hits);
    answers[query.answer] = std::move(hits);
  }
}

void Recaller::pack(std::span<const Query> queries) {
  queries_.clear();
  for (const auto& query : queries) append_unit(*query.task, query.task->query.size(), queries_);
}

void Recaller::scan(const AgentMemory& memory, std::span<Query> queries, const YieldHook& yield) {
  const std::size_t width = memory.width();
  const std::size_t step = block_rows(width, queries.size());
  std::size_t end = 0;
  std::uint64_t clock = 0;
  for (std::size_t first = 0; first == 0 || first < end; first += step) {
    std::size_t rows = 0;
    {
      const std::shared_lock lock(memory.mutex);
      // Rows never move or go, unless the whole memory is forgotten.
      if (first == 0) clock = memory.clock();
      end = first == 0 ? memory.slots() : std::min(end, memory.slots());
      rows = first < end ? std::min(step, end - first) : 0;
      if (rows == 0) return;
      score_block(memory, first, rows, queries.size());
      offer_block(memory, first, rows, clock, queries);
    }
    floats_unyielded_ += (rows * width + width) * (1 + queries.size() / 8);
    if (floats_unyielded_ >= block_floats) {
      floats_unyielded_ = 0;
      yield();
    }
  }
}

void Recaller::offer_block(const AgentMemory& memory, std::size_t first, std::size_t rows,
                           std::uint64_t clock, std::span<Query> queries) {
  const bool halves = memory.format() == RowFormat::halves;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const float* scores = scores_.data() + q * rows;
    for (std::size_t i = 0; i < rows; ++i) {
      float score = scores[i];
      if (!queries[q].wants(halves ? score + halves_error : score)) continue;
      if (!memory.holds(first + i, clock)) continue;
      if (halves) score = score_exactly(memory, first + i, q);
      queries[q].offer({std::clamp(score, -1.0F, 1.0F), memory.document(first + i), &memory});
    }
  }
}

// By the same arithmetic as a scan of float32 rows, so that the result is bitwise the same.
float Recaller::score_exactly(const AgentMemory& memory, std::size_t slot, std::size_t query) {
  float score = 0;
  row_.resize(memory.width());
  memory.read_row(slot, row_);
  DotTile tile;
  tile.rows = 1;
  tile.width = memory.width();
  tile.queries = queries_.data() + query * memory.width();
  tile.query_count = 1;
  tile.scores = &score;
  tiles_.dot(tile, row_.data());
  return score;
}

void Recaller::score_block(const AgentMemory& memory, std::size_t first, std::size_t rows,
                           std::size_t queries) {
  if (scores_.size() < queries * rows) scores_.resize(queries * rows);
  const std::size_t width = memory.width();
  DotTile tile;
  tile.rows = rows;
  tile.width = width;
  tile.queries = queries_.data();
  tile.query_count = queries;
  tile.scores = scores_.data();
  if (memory.format() == RowFormat::f32)
    tiles_.dot(tile, memory.f32_rows() + first * width);
  else
    tiles_.dot_bf16(tile, memory.bf16_rows() + first * width);
}

// Scores are cut to -1 and 1 when they get in, so the comparison is with the cut one.
bool Recaller::Query::wants(float score) const noexcept {
  return best.size() < task->k || std::clamp(score, -1.0F, 1.0F) >= best.front().score;
}

void Recaller::Query::offer(const Candidate& candidate) {
  if (best.size() < task->k) {
    best.push_back(candidate);
    std::push_heap(best.begin(), best.end(), better);
  } else if (better(candidate, best.front())) {
    std::pop_heap(best.begin(), best.end(), better);
    best.back() = candidate;
    std::push_heap(best.begin(), best.end(), better);
  }
}

bool Recaller::better(const Candidate& a, const Candidate& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  if (a.document != b.document) return a.document < b.document;
  return a.memory->name() < b.memory->name();
}

Hits Recaller::hits_of(Query& query) {
  std::sort_heap(query.best.begin(), query.best.end(), better);
  Hits hits;
  hits.hits.reserve(query.best.size());
  for (const auto& candidate : query.best)
    hits.hits.push_back({candidate.memory->name(), candidate.document, candidate.score});
  return hits;
}

}  // namespace troupe::kernels::cpu
