// Which workers still work, and when one that was lost is back.
#include "actors/worker_roll.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using actors::WorkerRoll;

TEST_CASE("a worker that was stuck is back once it has reported all that it held") {
  WorkerRoll roll(2);
  const WorkerId slow{0};
  roll.lose(slow, {BatchId{3}, BatchId{4}});
  CHECK_FALSE(roll.works(slow));
  CHECK(roll.works(WorkerId{1}));
  CHECK(roll.owes(slow));
  CHECK_FALSE(roll.settled(slow, BatchId{4}));
  CHECK_FALSE(roll.settled(slow, BatchId{4}));         // twice
  CHECK_FALSE(roll.settled(WorkerId{1}, BatchId{3}));  // somebody else's
  CHECK_FALSE(roll.works(slow));
  CHECK(roll.settled(slow, BatchId{3}));
  CHECK(roll.works(slow));
  CHECK_FALSE(roll.owes(slow));
  CHECK_FALSE(roll.settled(slow, BatchId{3}));  // of a worker that works
}

TEST_CASE("a worker that is gone owes nothing and does not come back") {
  WorkerRoll roll(1);
  CHECK(roll.any_works());
  roll.lose_for_good(WorkerId{0});
  CHECK_FALSE(roll.any_works());
  CHECK_FALSE(roll.owes(WorkerId{0}));
  CHECK_FALSE(roll.settled(WorkerId{0}, BatchId{1}));
  CHECK_FALSE(roll.any_works());
}
