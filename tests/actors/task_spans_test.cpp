// The spans that come of a task's timing, and of a batch: the tree, the links, the times in it.
#include "actors/task_spans.hpp"

#include <algorithm>

#include "tests/actors/spans.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::actors;
using tracing::Span;

using troupe::tracing::testing::named;

namespace {

constexpr Instant begin{100s};
constexpr Trace asked{1, 2, 0xa, true};

NewSpan counting() {
  return [next = std::uint64_t{0x100}]() mutable { return next++; };
}

TaskRequest request() {
  TaskRequest one;
  one.model = "minilm";
  one.tenant = "team";
  one.agent = "reader/3";
  one.trace = asked;
  return one;
}

TracedOutcome outcome(tracing::Tracer& tracer, bool of_others = true) {
  TracedOutcome one;
  one.why.traced = traced_task(request(), of_others, &tracer);
  one.why.record.id = {7, 8};
  one.why.record.submitted = begin;
  one.why.record.units = 12;
  one.why.known_as = {3, 4};
  one.why.ok = true;
  one.why.timing = {.queue = 3ms,
                    .batch_wait = 2ms,
                    .compute = 5ms,
                    .batch_tasks = 16,
                    .lane = Lane::urgent,
                    .entry = Entry::inside,
                    .reason = LaunchReason::urgent};
  one.batch = {1, 2, 0xb, true};
  return one;
}

std::string attribute(const Span& span, std::string_view key) {
  for (const auto& one : span.attributes) {
    if (one.key != key) continue;
    if (const auto* number = std::get_if<std::int64_t>(&one.value)) return std::to_string(*number);
    return std::get<std::string>(one.value);
  }
  return "none";
}

}  // namespace

TEST_CASE("a task's spans stand below the one that asked, and its times in it in order") {
  tracing::Tracer tracer({true, 0, 16}, 1);
  const auto one = outcome(tracer);
  const auto spans = spans_of(one, begin + 11ms, counting());
  REQUIRE(spans.size() == 5);
  const Span& task = named(spans, "task");
  CHECK(task.self == one.why.traced->self());
  CHECK(task.parent == asked.span);
  CHECK(task.kind == tracing::SpanKind::server);
  CHECK(task.begin == begin);
  CHECK(task.end == begin + 11ms);
  CHECK(task.error.empty());
  CHECK(attribute(task, "troupe.task") == "00000000000000030000000000000004");
  CHECK(attribute(task, "troupe.model") == "minilm");
  CHECK(attribute(task, "troupe.tenant") == "team");
  CHECK(attribute(task, "troupe.agent") == "reader/3");
  CHECK(attribute(task, "troupe.lane") == "urgent");
  CHECK(attribute(task, "troupe.units") == "12");
  Instant at = begin;
  for (const auto& [name, took] : std::vector<std::pair<std::string_view, Duration>>{
           {"queue", 3ms}, {"batch wait", 2ms}, {"device", 5ms}, {"reply", 1ms}}) {
    INFO(name);
    const Span& part = named(spans, name);
    CHECK(part.parent == task.self.span);
    CHECK(part.self.high == asked.high);
    CHECK(part.self.low == asked.low);
    CHECK(part.begin == at);
    CHECK(part.end == at + took);
    at = part.end;
  }
  CHECK(at == task.end);
  CHECK(attribute(named(spans, "batch wait"), "troupe.reason") == "urgent");
  const Span& device = named(spans, "device");
  CHECK(device.links == std::vector<Trace>{one.batch});
  CHECK(attribute(device, "troupe.batch.tasks") == "16");
  CHECK(attribute(device, "troupe.entry") == "inside");
}

TEST_CASE("a task that did not wait for company has no span of that") {
  tracing::Tracer tracer({true, 0, 16}, 1);
  auto one = outcome(tracer, false);
  one.why.timing.batch_wait = {};
  const auto spans = spans_of(one, begin, counting());
  CHECK(spans.size() == 4);
  // Nor does the answer leave before it is there, whatever two clocks say.
  CHECK(named(spans, "reply").end == begin + 8ms);
  CHECK(named(spans, "task").kind == tracing::SpanKind::internal);
}

TEST_CASE("a task that no device had fails with its reason") {
  tracing::Tracer tracer({true, 0, 16}, 1);
  auto one = outcome(tracer);
  one.batch = {};
  one.why.timing = {.queue = 4ms};
  one.why.ok = false;
  one.why.error = ErrorCode::infeasible;
  const auto spans = spans_of(one, begin + 4ms, counting());
  CHECK(spans.size() == 3);
  CHECK(named(spans, "task").error == "infeasible");
  CHECK(attribute(named(spans, "task"), "error.type") == "infeasible");
  CHECK(named(spans, "queue").end == begin + 4ms);
  const Span refused = span_of_refused(*one.why.traced, {3, 4}, begin,
                                       {ErrorCode::queue_full, "the lane is full", ""});
  CHECK(refused.parent == asked.span);
  CHECK(refused.error == "queue_full: the lane is full");
}

TEST_CASE("a batch has a link to each of its tasks that is recorded") {
  TracedBatch batch;
  batch.self = {1, 2, 0xb, true};
  batch.parent = 0xc;
  batch.launched = begin;
  batch.finished = begin + 5ms;
  batch.tasks = {{1, 2, 0xc, true}, {5, 6, 7, true}};
  batch.all_tasks = 16;
  batch.device = "cpu";
  batch.reason = LaunchReason::full;
  const Span span = span_of(batch);
  CHECK(span.self == batch.self);
  CHECK(span.parent == 0xc);
  CHECK(span.links == batch.tasks);
  CHECK(span.begin == begin);
  CHECK(span.end == begin + 5ms);
  CHECK(attribute(span, "troupe.batch.tasks") == "16");
  CHECK(attribute(span, "troupe.device") == "cpu");
  CHECK(attribute(span, "troupe.reason") == "full");
}

TEST_CASE("what is not recorded takes its ids along and nothing else") {
  tracing::Tracer on({true, 0, 16}, 1);
  tracing::Tracer off({}, 1);
  auto unsampled = request();
  unsampled.trace.sampled = false;
  for (const auto& task : {traced_task(unsampled, true, &on), traced_task(request(), true, &off),
                           traced_task(request(), true, nullptr)}) {
    REQUIRE(task);
    CHECK(task->asked.span == asked.span);
    CHECK(task->span == 0);
    CHECK(task->model.empty());
  }
  CHECK(traced_task(TaskRequest{}, true, &on) == nullptr);
}
