#include "tests/sim/judge.hpp"

#include "scheduler/scheduler.hpp"
#include "sim/world.hpp"

namespace troupe::sim {

Judgement judge_once(const Configuration& configuration) {
  Judgement judgement;
  Checker checker(configuration);
  try {
    scheduler::Scheduler policy(configuration.scheduler);
    judgement.report = run(configuration.world, policy, &checker);
    checker.see_end(judgement.report.cut_off);
  } catch (const Violation& violation) {
    judgement.violation = violation;
  }
  judgement.coverage = checker.coverage();
  for (const DeviceReport& device : judgement.report.devices)
    judgement.coverage["pause"] += device.pauses;
  return judgement;
}

Judgement judge(const Configuration& configuration) {
  Judgement first = judge_once(configuration);
  if (first.violation) return first;
  const Judgement second = judge_once(configuration);
  if (second.report.hash != first.report.hash)
    first.violation =
        Violation{"determinism", "the second run made other decisions", first.report.ended};
  return first;
}

namespace {

// All configurations that are one step smaller.
std::vector<Configuration> smaller(const Configuration& from) {
  std::vector<Configuration> steps;
  const auto with = [&](auto change) {
    Configuration next = from;
    change(next);
    steps.push_back(std::move(next));
  };
  if (from.world.tasks_max > 1) {
    with([](Configuration& next) { next.world.tasks_max /= 2; });
    with([](Configuration& next) { --next.world.tasks_max; });
  }
  const auto drop_each = [&](auto member) {
    for (std::size_t i = 0; i < member(steps.empty() ? from : from).size(); ++i)
      with([&](Configuration& next) {
        auto& all = const_cast<std::remove_cvref_t<decltype(member(from))>&>(member(next));
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
      });
  };
  if (from.world.streams.size() > 1)
    drop_each([](const Configuration& c) -> const auto& { return c.world.streams; });
  drop_each([](const Configuration& c) -> const auto& { return c.world.faults.outages; });
  drop_each([](const Configuration& c) -> const auto& { return c.world.faults.clock_steps; });
  drop_each([](const Configuration& c) -> const auto& { return c.world.faults.updates; });
  for (double Faults::*share :
       {&Faults::slow_share, &Faults::lost_report_share, &Faults::duplicate_report_share,
        &Faults::cancel_share, &Faults::raise_share, &Faults::duplicate_submit_share,
        &Faults::hopeless_share})
    if (from.world.faults.*share > 0)
      with([share](Configuration& next) { next.world.faults.*share = 0; });
  if (from.world.faults.strange_events > 0)
    with([](Configuration& next) { next.world.faults.strange_events = 0; });
  return steps;
}

}  // namespace

Configuration shrink(Configuration failing, const std::string& checker) {
  const auto fails = [&](const Configuration& configuration) {
    const Judgement judgement = judge(configuration);
    return judgement.violation && judgement.violation->checker == checker;
  };
  constexpr int runs_max = 2000;
  for (int runs = 0; runs < runs_max;) {
    bool shrunk = false;
    for (Configuration& next : smaller(failing)) {
      ++runs;
      if (!fails(next)) continue;
      failing = std::move(next);
      shrunk = true;
      break;
    }
    if (!shrunk) break;
  }
  return failing;
}

}  // namespace troupe::sim
