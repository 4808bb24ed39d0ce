#include "kernels/cpu/recall.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "base/limits.hpp"

namespace troupe::kernels::cpu {
namespace {

// One block is some 100 us of reading from main memory at 10 GB/s.
constexpr std::size_t block_floats = 1 << 18;
constexpr std::size_t block_rows_max = 4096;

}  // namespace

Recaller::Recaller(const Tiles& tiles)
    : tiles_(tiles), query_(limits::embedding_width_max), scores_(block_rows_max) {
  best_.reserve(limits::recall_hits_max);
}

Result<Hits> Recaller::recall(const MemoryStore& store, const Recall& task,
                              const YieldHook& yield) {
  if (auto prepared = prepare(task); !prepared) return prepared.error();
  const auto memories = store.find(task.scope);
  if (!memories) return memories.error();
  for (const auto& memory : *memories) {
    if (memory->width != task.query.size())
      return Error{ErrorCode::invalid_argument,
                   "a query of width " + std::to_string(task.query.size()) + " for " +
                       memory->name + ", which remembers width " + std::to_string(memory->width),
                   "encode the query with the model that encoded the memory"};
  }
  best_.clear();
  floats_unyielded_ = 0;
  for (const auto& memory : *memories) scan(*memory, task.k, yield);
  std::sort_heap(best_.begin(), best_.end(), better);
  Hits hits;
  hits.hits.reserve(best_.size());
  for (const auto& candidate : best_)
    hits.hits.push_back({candidate.memory->name, candidate.document, candidate.score});
  return hits;
}

Status Recaller::prepare(const Recall& task) {
  if (task.k == 0 || task.k > limits::recall_hits_max)
    return Error{ErrorCode::invalid_argument,
                 "a recall of " + std::to_string(task.k) + " documents",
                 "ask for 1 to " + std::to_string(limits::recall_hits_max)};
  if (task.query.empty() || task.query.size() > limits::embedding_width_max)
    return Error{ErrorCode::invalid_argument,
                 "a query of " + std::to_string(task.query.size()) + " numbers",
                 "send 1 to " + std::to_string(limits::embedding_width_max)};
  double squares = 0;
  for (const float x : task.query) squares += static_cast<double>(x) * static_cast<double>(x);
  if (!std::isfinite(squares))
    return Error{ErrorCode::invalid_argument, "a query that is not finite", ""};
  if (squares == 0) return Error{ErrorCode::invalid_argument, "a query that is all zeros", ""};
  const double length = std::sqrt(squares);
  for (std::size_t i = 0; i < task.query.size(); ++i)
    query_.data()[i] = static_cast<float>(static_cast<double>(task.query[i]) / length);
  return {};
}

void Recaller::scan(const MemoryStore::Memory& memory, std::size_t k, const YieldHook& yield) {
  const std::size_t width = memory.width;
  const std::size_t step = std::clamp<std::size_t>(block_floats / width, 1, block_rows_max);
  std::size_t end = 0;
  for (std::size_t first = 0; first == 0 || first < end; first += step) {
    std::size_t rows = 0;
    {
      const std::shared_lock lock(memory.mutex);
      // Rows never move or go, unless the whole memory is forgotten.
      end = first == 0 ? memory.documents.size() : std::min(end, memory.documents.size());
      rows = first < end ? std::min(step, end - first) : 0;
      if (rows == 0) return;
      tiles_.dot(memory.rows.data() + first * width, rows, width, query_.data(), scores_.data());
      for (std::size_t i = 0; i < rows; ++i)
        offer({std::clamp(scores_.data()[i], -1.0F, 1.0F), memory.documents[first + i], &memory},
              k);
    }
    floats_unyielded_ += rows * width + width;
    if (floats_unyielded_ >= block_floats) {
      floats_unyielded_ = 0;
      yield();
    }
  }
}

void Recaller::offer(const Candidate& candidate, std::size_t k) {
  if (best_.size() < k) {
    best_.push_back(candidate);
    std::push_heap(best_.begin(), best_.end(), better);
  } else if (better(candidate, best_.front())) {
    std::pop_heap(best_.begin(), best_.end(), better);
    best_.back() = candidate;
    std::push_heap(best_.begin(), best_.end(), better);
  }
}

bool Recaller::better(const Candidate& a, const Candidate& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  if (a.document != b.document) return a.document < b.document;
  return a.memory->name < b.memory->name;
}

}  // namespace troupe::kernels::cpu
