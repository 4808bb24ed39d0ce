// The spans of tasks and of the batches in which they ran, formed from what the dispatcher knows
// when they are done. Pure functions; docs/operations.md shows the tree that they make.
//
//   task                     from the door to the answer, below the span that asked for it
//     queue, batch wait      until a device was free; for company
//     device                 the batch that it was in, with a link to the batch's span
//     reply                  until its answer had left the dispatcher
//   batch                    below the first of its tasks, with a link to each
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/explanations.hpp"
#include "base/task.hpp"
#include "tracing/tracer.hpp"

namespace troupe::actors {

// What a task of a trace has with it, beside its record. Most have none.
struct TracedTask {
  Trace asked;             // the span that asked for it
  std::uint64_t span = 0;  // its own; 0: its trace is not recorded, and the rest is empty
  bool of_others = false;  // a client's or another node's
  std::string model;
  std::string tenant;
  std::string agent;

  // The task's span as others link to it.
  [[nodiscard]] Trace self() const { return {asked.high, asked.low, span, asked.sampled}; }
};

// Null for a task that has no trace.
std::shared_ptr<const TracedTask> traced_task(const TaskRequest& request, bool of_others,
                                              tracing::Tracer* tracer);

// A task that had its outcome, and the batch that it was in, if it came so far.
struct TracedOutcome {
  Explanation why;
  Trace batch;
};

struct TracedBatch {
  Trace self;
  std::uint64_t parent = 0;
  Instant launched;
  Instant finished;
  std::vector<Trace> tasks;   // those that are recorded
  std::size_t all_tasks = 0;  // of the batch
  std::uint32_t yields = 0;   // times that urgent work got in
  Duration predicted{};
  Lane lane = Lane::ordinary;
  Entry entry = Entry::in_turn;
  LaunchReason reason = LaunchReason::none;
  std::string device;
};

using NewSpan = std::function<std::uint64_t()>;

// The task's spans, the outermost first. `left`: when the answer left.
std::vector<tracing::Span> spans_of(const TracedOutcome& outcome, Instant left,
                                    const NewSpan& new_span);
tracing::Span span_of(const TracedBatch& batch);

// Of one that the door refused.
tracing::Span span_of_refused(const TracedTask& task, TaskId id, Instant at, const Error& why);

}  // namespace troupe::actors
