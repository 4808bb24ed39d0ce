// How spans leave, on a virtual clock and for a collector that is what the test says it is.
#include "tracing/shipment.hpp"

#include <deque>

#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::tracing;

namespace {

struct World {
  explicit World(ShipmentOptions given = {}, std::size_t spans_max = 100)
      : options(given),
        tracer({true, 0, spans_max}, 1),
        shipment(
            options, tracer,
            [this](const std::vector<Span>& batch) {
              posted.push_back(batch.size());
              if (answers.empty()) return Answer{200};
              const Answer answer = answers.front();
              answers.pop_front();
              return answer;
            },
            [this](const Answer&, std::size_t spans) { lost.push_back(spans); }) {}

  void record(std::size_t spans) {
    for (std::size_t i = 0; i < spans; ++i) {
      Span span;
      span.self = {1, 2, ++ids, true};
      tracer.record(std::move(span));
    }
  }
  // What is due now; then the time goes on to when it wants to be called next.
  void work() { at += shipment.work(at).in; }

  ShipmentOptions options;
  Tracer tracer;
  std::deque<Answer> answers;  // then 200
  std::vector<std::size_t> posted;
  std::vector<std::size_t> lost;
  std::uint64_t ids = 0;
  Instant at{1h};
  Shipment shipment;
};

}  // namespace

TEST_CASE("spans leave together, and nothing is posted where there are none") {
  World world;
  world.work();
  CHECK(world.posted.empty());
  world.record(7);
  world.work();
  world.work();
  CHECK(world.posted == std::vector<std::size_t>{7});
  CHECK(world.tracer.counts().exported == 7);
  CHECK(world.tracer.counts().dropped == 0);
}

TEST_CASE("more than a batch leave as several, without a pause between full ones") {
  World world({10});
  world.record(25);
  const Instant begin = world.at;
  world.work();
  world.work();
  CHECK(world.at == begin);
  world.work();
  CHECK(world.posted == std::vector<std::size_t>{10, 10, 5});
  CHECK(world.tracer.counts().exported == 25);
}

TEST_CASE("a collector that is away is tried again, ever more rarely, and then the batch is lost") {
  World world({10, 1s, 1s, 30s, 4});
  world.answers = {{0}, {503}, {502}, {504}};
  world.record(3);
  std::vector<Duration> pauses;
  while (world.lost.empty()) {
    const Instant before = world.at;
    world.work();
    if (world.lost.empty()) pauses.push_back(world.at - before);
  }
  CHECK(pauses == std::vector<Duration>{1s, 2s, 4s});
  CHECK(world.posted == std::vector<std::size_t>{3, 3, 3, 3});
  CHECK(world.lost == std::vector<std::size_t>{3});
  CHECK(world.tracer.counts().dropped == 3);
  // It is back: what comes then leaves as if nothing had been.
  world.record(2);
  world.work();
  CHECK(world.tracer.counts().exported == 2);
}

TEST_CASE("nothing is posted before a pause is over") {
  World world;
  world.answers = {{503}};
  world.record(1);
  const auto next = world.shipment.work(world.at);
  REQUIRE(world.posted.size() == 1);
  (void)world.shipment.work(world.at + next.in - 1ns);
  CHECK(world.posted.size() == 1);
  (void)world.shipment.work(world.at + next.in);
  CHECK(world.posted.size() == 2);
}

TEST_CASE("a collector that says when to come again is obeyed, within reason") {
  World world({10, 1s, 1s, 30s, 5});
  world.answers = {{429, 7s}, {503, 0s}, {503, 1h}};
  world.record(1);
  const auto pause = [&] {
    const Instant before = world.at;
    world.work();
    return world.at - before;
  };
  CHECK(pause() == Duration(7s));
  CHECK(pause() == Duration(1s));
  CHECK(pause() == Duration(30s));
  world.work();
  CHECK(world.tracer.counts().exported == 1);
}

TEST_CASE("what a collector will never take is not tried again") {
  World world;
  world.answers = {{400}};
  world.record(4);
  world.work();
  world.record(1);
  world.work();
  CHECK(world.posted == std::vector<std::size_t>{4, 1});
  CHECK(world.lost == std::vector<std::size_t>{4});
  CHECK(world.tracer.counts().exported == 1);
}

TEST_CASE("while a batch waits, newer spans are kept up to the limit and no further") {
  World world({10, 1s, 1s, 30s, 5}, 20);
  world.answers = {{503}};
  world.record(10);
  (void)world.shipment.work(world.at);  // the batch is in hand now
  world.record(25);
  CHECK(world.tracer.counts().dropped == 5);
  for (int i = 0; i < 4; ++i) world.work();
  CHECK(world.tracer.counts().exported == 30);
}

TEST_CASE("at the end what is left is posted once, and lost if the collector is away") {
  World good({10});
  good.record(25);
  good.shipment.finish();
  CHECK(good.tracer.counts().exported == 25);

  World away({10});
  away.answers = {{0}};
  away.record(25);
  away.shipment.finish();
  CHECK(away.posted.size() == 1);
  CHECK(away.tracer.counts().exported == 0);
  CHECK(away.tracer.counts().dropped == 25);
}
