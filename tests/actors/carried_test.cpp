#include "actors/carried.hpp"

#include <map>

#include "actors/accounts.hpp"
#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using actors::Accounts;
using actors::Carried;
using actors::CarriedTasks;

TEST_CASE("carried tasks are found by their id for as long as they are carried") {
  CarriedTasks tasks;
  std::map<TaskId, CarriedTasks::Slot> model;
  Random random(3);
  for (int step = 0; step < 50'000; ++step) {
    // Few different ids in a small range, so that they collide and shift.
    const TaskId id{random.below(3), random.below(400)};
    const auto known = model.find(id);
    const auto found = tasks.find(id);
    REQUIRE(found.has_value() == (known != model.end()));
    if (known != model.end()) {
      REQUIRE(*found == known->second);
      if (random.chance(0.6)) {
        tasks.forget(*found);
        model.erase(known);
      }
    } else {
      Carried task;
      task.record.id = id;
      const auto slot = tasks.add(std::move(task));
      REQUIRE(tasks[slot].record.id == id);
      model.emplace(id, slot);
    }
    REQUIRE(tasks.size() == model.size());
  }
  CHECK(tasks.all().size() == model.size());
}

// Were the whole queue walked for each, this would take until somebody lost patience.
TEST_CASE("the first of a long queue is forgotten as quickly as of a short one") {
  CarriedTasks tasks;
  constexpr std::uint64_t count = 400'000;
  for (std::uint64_t i = 1; i <= count; ++i) {
    Carried task;
    task.record.id = {7, i};
    tasks.add(std::move(task));
  }
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto slot = tasks.find({7, i});
    REQUIRE(slot);
    tasks.forget(*slot);
  }
  CHECK(tasks.size() == 0);
}

TEST_CASE("names have numbers of their own until the table is full, then one for all others") {
  Accounts accounts;
  TaskRequest request;
  CHECK(accounts.account_of(request) == scheduler::Account{});
  request.agent = "reader/3";
  const auto three = accounts.account_of(request);
  request.agent = "reader/4";
  CHECK(accounts.account_of(request).agent != three.agent);
  const auto tenant = [&](const std::string& name) {
    request.tenant = name;
    return accounts.account_of(request).tenant;
  };
  const TenantId first = tenant("t0");
  CHECK(accounts.tenant(first) == "t0");
  for (int i = 1; i < 3000; ++i) CHECK(tenant("t" + std::to_string(i)) != first);
  CHECK(tenant("t0") == first);
  CHECK(tenant("t2999") == tenant("one more"));
  CHECK(accounts.tenant(tenant("one more")) == "other");
  CHECK(tenant("one more").value < Accounts::tenants_max);
}
