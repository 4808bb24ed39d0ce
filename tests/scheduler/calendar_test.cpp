#include "scheduler/calendar.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using std::chrono::milliseconds;

namespace {

constexpr double ms = 1e6;
Instant at_ms(int value) {
  return Instant{} + milliseconds(value);
}
Calendar::Ask ask(int deadline_ms, double work_ms) {
  Calendar::Ask question;
  question.now = at_ms(0);
  question.deadline = at_ms(deadline_ms);
  question.work_ns = work_ms * ms;
  return question;
}

}  // namespace

TEST_CASE("an empty calendar promises what fits before the deadline") {
  Calendar calendar;
  CHECK(calendar.lacking(ask(10, 9)) == Duration{0});
  CHECK(calendar.lacking(ask(10, 12)) == milliseconds(2));
}

TEST_CASE("work that is due earlier goes first, work that is due later does not") {
  Calendar calendar;
  calendar.add(at_ms(0), at_ms(20), 15 * ms);
  CHECK(calendar.lacking(ask(50, 10)) == Duration{0});
  CHECK(calendar.lacking(ask(21, 10)) > milliseconds(3));
  // The new task would push the promised one over its deadline.
  CHECK(calendar.lacking(ask(10, 8)) > milliseconds(2));
  CHECK(calendar.lacking(ask(10, 4)) == Duration{0});
}

TEST_CASE("two devices do twice the work, and what they still have to do comes first") {
  Calendar calendar;
  auto question = ask(10, 18);
  CHECK(calendar.lacking(question) > Duration{0});
  question.devices = 2;
  CHECK(calendar.lacking(question) == Duration{0});
  question.ahead_ns = 4 * ms;
  CHECK(calendar.lacking(question) == milliseconds(1));
}

TEST_CASE("what is taken out is free again") {
  Calendar calendar;
  calendar.add(at_ms(0), at_ms(20), 15 * ms);
  calendar.remove(at_ms(20), 15 * ms);
  CHECK(calendar.lacking(ask(20, 19)) == Duration{0});
}

TEST_CASE("far deadlines make the slots wider and lose no work") {
  Calendar calendar;
  calendar.add(at_ms(0), at_ms(5), 4 * ms);
  calendar.add(at_ms(0), at_ms(60'000), 1'000 * ms);
  CHECK(calendar.lacking(ask(120'000, 119'000)) > Duration{0});
  CHECK(calendar.lacking(ask(120'000, 118'000)) == Duration{0});
}

TEST_CASE("work that is overdue still has to be done") {
  Calendar calendar;
  calendar.add(at_ms(0), at_ms(5), 4 * ms);
  calendar.add(at_ms(50), at_ms(60), 1 * ms);
  auto question = ask(60, 6);
  question.now = at_ms(50);
  CHECK(calendar.lacking(question) == milliseconds(1));
}
