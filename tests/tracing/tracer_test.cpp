// What a tracer hands out and holds.
#include "tracing/tracer.hpp"

#include <set>
#include <thread>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::tracing;

namespace {

Span span(std::uint64_t id) {
  Span one;
  one.self = {1, 2, id, true};
  one.name = "task";
  return one;
}

}  // namespace

TEST_CASE("a trace that begins here is not sampled unless that is wanted, and has ids of its own") {
  Tracer never_sampled({}, 1);
  Tracer always({true, 1, 16}, 1);
  std::set<std::pair<std::uint64_t, std::uint64_t>> traces;
  std::set<std::uint64_t> spans;
  for (int i = 0; i < 1000; ++i) {
    const Trace trace = never_sampled.begin();
    CHECK_FALSE(trace.is_none());
    CHECK_FALSE(trace.sampled);
    traces.insert({trace.high, trace.low});
    spans.insert(trace.span);
    spans.insert(never_sampled.new_span());
    CHECK(always.begin().sampled);
  }
  CHECK(traces.size() == 1000);
  CHECK(spans.size() == 2000);
  CHECK(never_sampled.begin_if_sampling().is_none());
  CHECK(always.begin_if_sampling().sampled);
  Tracer recording_nothing({false, 1, 16}, 1);
  CHECK_FALSE(recording_nothing.begin().sampled);
  CHECK(recording_nothing.begin_if_sampling().is_none());
}

TEST_CASE("of the traces that begin here about the wanted share is sampled") {
  Tracer tracer({true, 0.25, 16}, 7);
  int sampled = 0;
  for (int i = 0; i < 10'000; ++i) sampled += tracer.begin().sampled ? 1 : 0;
  CHECK(sampled > 2200);
  CHECK(sampled < 2800);
}

TEST_CASE("only a sampled trace is recorded, and only where somebody takes the spans") {
  const Trace sampled{1, 2, 3, true};
  const Trace unsampled{1, 2, 3, false};
  Tracer off({}, 1);
  Tracer on({true, 0, 16}, 1);
  CHECK_FALSE(off.records(sampled));
  CHECK(on.records(sampled));
  CHECK_FALSE(on.records(unsampled));
  CHECK_FALSE(on.records({0, 0, 3, true}));
}

TEST_CASE("spans are taken in order, and those that find the tracer full are dropped and counted") {
  Tracer tracer({true, 0, 3}, 1);
  for (std::uint64_t i = 1; i <= 5; ++i) tracer.record(span(i));
  CHECK(tracer.counts().dropped == 2);
  const auto first = tracer.take(2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].self.span == 1);
  CHECK(first[1].self.span == 2);
  tracer.record(span(6));
  const auto rest = tracer.take(10);
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].self.span == 3);
  CHECK(rest[1].self.span == 6);
  CHECK(tracer.take(10).empty());
}

TEST_CASE("whoever waits for spans is told when there are enough, or that it should end") {
  Tracer tracer({true, 0, 16}, 1);
  std::thread waits([&] { tracer.wait(3, std::chrono::hours(1)); });
  for (std::uint64_t i = 1; i <= 3; ++i) tracer.record(span(i));
  waits.join();
  std::thread ends([&] { tracer.wait(0, std::chrono::hours(1)); });
  tracer.wake();
  ends.join();
  CHECK(tracer.take(10).size() == 3);
}
