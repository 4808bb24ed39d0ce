// What the dispatcher tells of tasks that had their outcome: spans, where their trace is recorded,
// and a line in the log, where it is that talkative.
#include "actors/dispatcher.hpp"

namespace troupe::actors {

// The span of a batch that has just finished, before its tasks are concluded. It stands in the
// trace of the first of its tasks that is recorded; the others have links.
void Dispatcher::trace_batch(Instant at, const Flight& flight, const kernels::BatchReport& report) {
  batch_span_ = {};
  TracedBatch batch;
  for (const auto slot : flight.tasks)
    if (const auto& traced = carried_[slot].traced; traced && traced->span != 0)
      batch.tasks.push_back(traced->self());
  if (batch.tasks.empty()) return;
  batch.self = batch.tasks.front();
  batch.parent = batch.self.span;
  batch.self.span = options_.tracer->new_span();
  batch.launched = flight.launched;
  batch.finished = at;
  batch.all_tasks = flight.tasks.size();
  batch.yields = report.yields;
  batch.predicted = flight.decision.predicted;
  batch.lane = flight.decision.lane;
  batch.entry = flight.decision.entry;
  batch.reason = flight.decision.reason;
  batch.device = options_.devices[flight.worker.value]->info().name;
  batch_span_ = batch.self;
  options_.tracer->record(span_of(batch));
}

// As their answers leave.
void Dispatcher::record_spans(Instant at) {
  for (const TracedOutcome& outcome : traced_)
    for (auto& span : spans_of(outcome, at, [this] { return options_.tracer->new_span(); }))
      options_.tracer->record(std::move(span));
  traced_.clear();
}

void Dispatcher::log_outcomes() {
  const auto ms = [](Duration duration) { return static_cast<double>(duration.count()) / 1e6; };
  for (const Explanation& one : explained_) {
    const std::string task = to_string(one.known_as);
    log_.debug(one.ok ? "a task is done" : "a task failed",
               {{"task", task},
                {"lane", name(one.timing.lane)},
                {"code", one.ok ? "ok" : name(one.error)},
                {"queue_ms", ms(one.timing.queue)},
                {"batch_wait_ms", ms(one.timing.batch_wait)},
                {"compute_ms", ms(one.timing.compute)},
                {"batch_tasks", one.timing.batch_tasks},
                {"reason", name(one.timing.reason)}},
               one.traced ? one.traced->asked : Trace{});
  }
}

}  // namespace troupe::actors
