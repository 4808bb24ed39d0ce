#include "actors/task_spans.hpp"

#include <algorithm>
#include <utility>

namespace troupe::actors {
namespace {

using tracing::Span;
using tracing::SpanKind;

std::string text(std::string_view view) {
  return std::string(view);
}

std::int64_t whole(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// What is empty says nothing.
void add(Span& span, std::string_view key, std::string_view value) {
  if (!value.empty()) span.attributes.push_back({key, text(value)});
}

void fail(Span& span, ErrorCode code) {
  span.error = text(name(code));
  add(span, "error.type", name(code));
}

Span of_task(const TracedTask& task, TaskId id, Instant begin, Instant end) {
  Span span;
  span.self = task.self();
  span.parent = task.asked.span;
  span.name = "task";
  span.kind = task.of_others ? SpanKind::server : SpanKind::internal;
  span.begin = begin;
  span.end = end;
  add(span, "troupe.task", to_string(id));
  add(span, "troupe.model", task.model);
  add(span, "troupe.tenant", task.tenant);
  add(span, "troupe.agent", task.agent);
  return span;
}

}  // namespace

std::shared_ptr<const TracedTask> traced_task(const TaskRequest& request, bool of_others,
                                              tracing::Tracer* tracer) {
  if (request.trace.is_none()) return nullptr;
  TracedTask task;
  task.asked = request.trace;
  if (tracer != nullptr && tracer->records(request.trace)) {
    task.span = tracer->new_span();
    task.of_others = of_others;
    task.model = request.model;
    task.tenant = request.tenant;
    task.agent = request.agent;
  }
  return std::make_shared<const TracedTask>(std::move(task));
}

std::vector<Span> spans_of(const TracedOutcome& outcome, Instant left, const NewSpan& new_span) {
  const Explanation& why = outcome.why;
  const Timing& timing = why.timing;
  const Instant free = why.record.submitted + timing.queue;
  const Instant launched = free + timing.batch_wait;
  const Instant done = launched + timing.compute;

  std::vector<Span> spans;
  spans.push_back(of_task(*why.traced, why.known_as, why.record.submitted, std::max(done, left)));
  Span& task = spans.front();
  add(task, "troupe.operation", name(why.record.kind.operation));
  add(task, "troupe.lane", name(timing.lane));
  task.attributes.push_back({"troupe.units", whole(why.record.units)});
  if (!why.ok) fail(task, why.error);

  const Span outermost = task;
  const auto below = [&](std::string_view named, Instant begin, Instant end) -> Span& {
    spans.push_back(outermost.below(new_span(), named, begin, end));
    return spans.back();
  };
  below("queue", why.record.submitted, free);
  if (!outcome.batch.is_none()) {
    if (timing.batch_wait > Duration::zero())
      add(below("batch wait", free, launched), "troupe.reason", name(timing.reason));
    Span& device = below("device", launched, done);
    device.links.push_back(outcome.batch);
    device.attributes.push_back({"troupe.batch.tasks", whole(timing.batch_tasks)});
    add(device, "troupe.entry", name(timing.entry));
  }
  below("reply", done, std::max(done, left));
  return spans;
}

Span span_of(const TracedBatch& batch) {
  Span span;
  span.self = batch.self;
  span.parent = batch.parent;
  span.name = "batch";
  span.begin = batch.launched;
  span.end = batch.finished;
  span.links = batch.tasks;
  add(span, "troupe.device", batch.device);
  add(span, "troupe.lane", name(batch.lane));
  add(span, "troupe.reason", name(batch.reason));
  add(span, "troupe.entry", name(batch.entry));
  span.attributes.push_back({"troupe.batch.tasks", whole(batch.all_tasks)});
  span.attributes.push_back({"troupe.batch.yields", whole(batch.yields)});
  span.attributes.push_back({"troupe.batch.predicted_ms", ms(batch.predicted)});
  return span;
}

Span span_of_refused(const TracedTask& task, TaskId id, Instant at, const Error& why) {
  Span span = of_task(task, id, at, at);
  fail(span, why.code);
  span.error += ": " + why.what;
  return span;
}

}  // namespace troupe::actors
