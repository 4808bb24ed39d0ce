// The oldest of a queue whose tasks leave in any order.
#include "actors/queue_age.hpp"

#include <set>

#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::QueueAge;

namespace {

struct Queue {
  void enter(std::uint64_t id) {
    waiting.insert(id);
    age.entered({1, id}, submitted(id));
  }
  static Instant submitted(std::uint64_t id) { return Instant{std::chrono::seconds(id)}; }
  Instant oldest() {
    return age.oldest([this](TaskId task) { return waiting.contains(task.low); });
  }

  std::set<std::uint64_t> waiting;
  QueueAge age;
};

}  // namespace

TEST_CASE("the oldest task of a queue is the first that still waits") {
  Queue queue;
  CHECK(queue.oldest() == never);
  for (std::uint64_t id = 1; id <= 4; ++id) queue.enter(id);
  CHECK(queue.oldest() == Queue::submitted(1));
  queue.waiting.erase(3);
  CHECK(queue.oldest() == Queue::submitted(1));
  queue.waiting.erase(1);
  queue.waiting.erase(2);
  CHECK(queue.oldest() == Queue::submitted(4));
  queue.waiting.insert(2);  // its device was lost
  queue.age.came_back({1, 2}, Queue::submitted(2));
  CHECK(queue.oldest() == Queue::submitted(2));
  queue.waiting.clear();
  CHECK(queue.oldest() == never);
}

TEST_CASE("a task that is passed over for ever does not make the queue's age remember the others") {
  Queue queue;
  queue.enter(1);
  for (std::uint64_t id = 2; id < 10000; ++id) {
    queue.enter(id);
    CHECK(queue.oldest() == Queue::submitted(1));
    queue.waiting.erase(id);
  }
  CHECK(queue.age.kept() < 200);
}
