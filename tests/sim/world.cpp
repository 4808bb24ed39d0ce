#include "tests/sim/world.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::sim {

using scheduler::BatchFinished;
using scheduler::Event;
using scheduler::Launch;
using scheduler::Refuse;
using scheduler::TaskCanceled;
using scheduler::TaskSubmitted;
using scheduler::WorkerJoined;
using scheduler::WorkerLeft;

namespace {

constexpr Lane both_lanes[] = {Lane::urgent, Lane::ordinary};

}  // namespace

RunReport run(const SimOptions& options) {
  return World(options).run();
}

RunReport run_seed(std::uint64_t seed) {
  const SimOptions options = draw_options(seed);
  RunReport report = run(options);
  if (!report.violation && run(options).hash != report.hash)
    report.violation = Violation{"determinism", "the second run left another trace", report.ended};
  return report;
}

World::World(const SimOptions& options)
    : options_(options),
      random_(options.seed),
      fast_lane_(options.urgent),
      batcher_(options.ordinary),
      checker_(options) {}

RunReport World::run() {
  try {
    plan();
    const std::uint64_t steps_max = 100'000 + 200ULL * options_.tasks;
    while (step())
      if (report_.steps > steps_max) throw Violation{"liveness", "the run does not end", now_};
    checker_.see_end(now_);
  } catch (const Violation& violation) {
    report_.violation = violation;
  }
  report_.hash = hash_.value();
  report_.coverage = checker_.coverage();
  for (const Node& node : nodes_) report_.coverage["yield"] += node.device.yields();
  report_.ended = now_;
  return std::move(report_);
}

// --- what is going to happen ---------------------------------------------------------------------

void World::plan() {
  for (std::size_t i = 0; i < options_.workers; ++i) {
    nodes_.emplace_back(on_grid(options_.tile));
    nodes_[i].joined[0] = draw_worker(i, options_.urgent_slots_max);
    nodes_[i].joined[1] = nodes_[i].joined[0];
    nodes_[i].joined[1].slots =
        static_cast<std::uint32_t>(random_.between(1, std::int64_t{options_.slots_max}));
    const Duration late = options_.workers_late ? draw_up_to(options_.gap_mean * 100) : Duration{};
    at(Instant{} + late, [this, i] { join(i); });
  }
  plan_faults(plan_arrivals());
}

Instant World::plan_arrivals() {
  Instant when{};
  for (std::uint32_t left = options_.tasks; left > 0;) {
    const double gap = random_.exponential(static_cast<double>(options_.gap_mean.count()));
    when += Duration{static_cast<Duration::rep>(gap)};
    const auto group =
        std::min(left, static_cast<std::uint32_t>(random_.between(1, options_.burst_tasks_max)));
    for (std::uint32_t i = 0; i < group; ++i) at(when, [this] { arrive(); });
    left -= group;
  }
  return when;
}

void World::plan_faults(Instant last) {
  const auto some_time = [&] { return Instant{} + draw_up_to(last - Instant{}); };
  const auto some_node = [&] { return random_.below(options_.workers); };
  for (std::uint32_t i = 0; i < options_.worker_losses; ++i) {
    const Instant lost = some_time();
    const Duration down = draw_up_to(options_.worker_down_max);
    const auto node = some_node();
    at(lost, [this, node] { lose(node); });
    at(lost + down, [this, node] { join(node); });
  }
  for (std::uint32_t i = 0; i < options_.worker_updates; ++i) {
    const auto node = some_node();
    at(some_time(), [this, node] { update(node); });
  }
  for (std::uint32_t i = 0; i < options_.strange_events; ++i)
    at(some_time(), [this] { strange(); });
  // Whatever was drawn: in the end every worker is there as it was in the beginning.
  const Instant repaired = last + options_.worker_down_max;
  for (std::size_t i = 0; i < options_.workers; ++i) at(repaired, [this, i] { join(i); });
}

void World::at(Instant when, std::function<void()> act) {
  happenings_.push({on_grid(when), ++planned_, std::move(act)});
}

Duration World::on_grid(Duration duration) const {
  return (duration + options_.grid - Duration{1}) / options_.grid * options_.grid;
}
Instant World::on_grid(Instant when) const {
  return Instant{on_grid(when - Instant{})};
}

Duration World::draw_up_to(Duration limit) {
  return Duration{random_.between(0, limit.count())};
}

WorkerJoined World::draw_worker(std::size_t node, std::uint32_t slots_max) {
  WorkerJoined worker;
  worker.worker = WorkerId{static_cast<std::uint32_t>(node)};
  worker.slots = static_cast<std::uint32_t>(random_.between(1, slots_max));
  const bool alike = options_.workers_alike;
  worker.cost_fixed = alike ? options_.cost_fixed_max : draw_up_to(options_.cost_fixed_max);
  worker.cost_per_unit =
      alike ? options_.cost_per_unit_max : draw_up_to(options_.cost_per_unit_max);
  return worker;
}

// --- the loop ------------------------------------------------------------------------------------

// Of what comes at the same instant, first what was planned, then devices, then the lanes' wishes.
bool World::step() {
  constexpr std::size_t none = ~std::size_t{0};
  Instant next = happenings_.empty() ? never : happenings_.top().at;
  std::size_t device = none;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto wants = nodes_[i].device.next();
    if (wants && *wants < next) {
      next = *wants;
      device = i;
    }
  }
  std::optional<Lane> woken;
  for (const Lane lane : both_lanes) {
    const auto wants = lane == Lane::urgent ? fast_lane_.next_wakeup() : batcher_.next_wakeup();
    if (wants && *wants < next) {
      next = *wants;
      woken = lane;
    }
  }
  if (next == never) return false;
  TROUPE_ASSERT(next >= now_, "the virtual clock never goes back");
  now_ = next;
  if (woken) {
    call(*woken, nullptr);
  } else if (device != none) {
    if (const auto done = nodes_[device].device.advance(now_)) completed(device, *done);
  } else {
    const auto act = happenings_.top().act;
    happenings_.pop();
    act();
  }
  return true;
}

void World::call(Lane lane, const Event* event) {
  if (lane == Lane::urgent)
    call_on(fast_lane_, lane, event);
  else
    call_on(batcher_, lane, event);
}

template <class Scheduler>
void World::call_on(Scheduler& scheduler, Lane lane, const Event* event) {
  actions_.clear();
  if (event != nullptr)
    scheduler.handle(now_, *event, actions_);
  else
    scheduler.advance(now_, actions_);
  Step step{now_,
            lane,
            event,
            actions_,
            scheduler.next_wakeup(),
            scheduler.queued(),
            scheduler.launched()};
  ++report_.steps;
  hash_.add(step);
  checker_.see(step);
  for (const auto& action : actions_) {
    if (const auto* launch = std::get_if<Launch>(&action))
      carry_out(lane, *launch);
    else
      sent_.erase(std::get<Refuse>(action).task);
  }
}

void World::carry_out(Lane lane, const Launch& launch) {
  Node& node = nodes_[launch.worker.value];
  const WorkerJoined& worker = node.joined[static_cast<std::size_t>(lane)];
  Duration::rep units = 0;
  for (const TaskId id : launch.tasks) units += sent_.at(id).task.units;
  const Duration expected = worker.cost_fixed + worker.cost_per_unit * units;
  double factor = 1 + options_.jitter * (2 * random_.unit() - 1);
  if (random_.chance(options_.slow_share)) factor *= options_.slow_factor;
  const Duration work{static_cast<Duration::rep>(static_cast<double>(expected.count()) * factor)};
  batches_[launch.batch] = launch.tasks;
  node.device.submit(now_, lane, launch.batch, std::max(on_grid(work), Duration{1}));
}

// --- what happens --------------------------------------------------------------------------------

void World::arrive() {
  Sent sent;
  scheduler::TaskRecord& task = sent.task;
  task.id = ids_.next();
  task.kind.operation =
      random_.chance(0.2) ? scheduler::Operation::recall : scheduler::Operation::encode;
  task.kind.model = ModelId{static_cast<std::uint32_t>(random_.below(options_.kinds))};
  task.units = static_cast<std::uint32_t>(random_.between(1, options_.task_units_max));
  if (random_.chance(options_.giant_share))
    task.units += std::max(options_.urgent.units_max, options_.ordinary.units_max);
  task.submitted = now_;
  if (random_.chance(options_.deadline_share)) {
    const Duration wait =
        options_.deadline_min + draw_up_to(options_.deadline_max - options_.deadline_min);
    const Duration since_start = now_ + wait - Instant{};
    task.deadline = Instant{(since_start / options_.deadline_grid + 1) * options_.deadline_grid};
  }
  if (random_.chance(options_.hopeless_share)) task.deadline = now_ - Duration{random_.chance(0.5)};
  std::optional<Lane> asked;
  const double wish = random_.unit();
  if (wish < options_.asks_urgent_share)
    asked = Lane::urgent;
  else if (wish < options_.asks_urgent_share + options_.asks_ordinary_share)
    asked = Lane::ordinary;

  const WorkerJoined& typical = nodes_.front().joined[0];
  const Duration cost = typical.cost_fixed + typical.cost_per_unit * Duration::rep{task.units};
  sent.at = now_;
  sent.asked_urgent = asked == Lane::urgent;
  sent.lane = choose_lane(options_.lanes, asked, now_, task.deadline, cost);
  checker_.see_choice(now_, asked, task.deadline, cost, sent.lane);

  sent_.emplace(task.id, sent);
  const Lane lane = sent.lane;
  const TaskSubmitted submitted{task};
  const Duration soon = options_.deadline_max;
  if (random_.chance(options_.cancel_share))
    at(now_ + draw_up_to(soon), [this, lane, id = task.id] {
      const Event event = TaskCanceled{id};
      call(lane, &event);
    });
  if (random_.chance(options_.duplicate_submit_share))
    at(now_ + draw_up_to(soon), [this, lane, submitted] {
      // Once it has its outcome the id would be that of a new task.
      if (!sent_.contains(submitted.task.id)) return;
      const Event event = submitted;
      call(lane, &event);
    });
  const Event event = submitted;
  call(lane, &event);
}

void World::join(std::size_t index) {
  Node& node = nodes_[index];
  node.here = true;
  for (const Lane lane : both_lanes) {
    const Event event = node.joined[static_cast<std::size_t>(lane)];
    call(lane, &event);
  }
}

void World::lose(std::size_t index) {
  Node& node = nodes_[index];
  node.here = false;
  node.device.clear();
  for (const Lane lane : both_lanes) {
    const Event event = WorkerLeft{WorkerId{static_cast<std::uint32_t>(index)}};
    call(lane, &event);
  }
}

void World::update(std::size_t index) {
  if (!nodes_[index].here) return;
  for (const Lane lane : both_lanes) {
    WorkerJoined other = draw_worker(index, 3);
    other.slots -= random_.chance(0.3) ? other.slots : 0;  // a worker may be paused
    const Event event = other;
    call(lane, &event);
  }
}

void World::strange() {
  const Lane lane = both_lanes[random_.below(2)];
  const WorkerId nobody{static_cast<std::uint32_t>(options_.workers + 1)};
  const WorkerId somebody{static_cast<std::uint32_t>(random_.below(options_.workers))};
  const BatchId batch{random_.below(2 * planned_)};
  Event event = WorkerLeft{nobody};
  const auto choice = random_.below(4);
  if (choice == 1) event = TaskCanceled{TaskId{99, random_.next()}};
  if (choice == 2) event = BatchFinished{nobody, batch};
  // That number may be in use, but not on this worker and in this lane.
  if (choice == 3) event = BatchFinished{somebody, BatchId{batch.value + (1ULL << 60)}};
  call(lane, &event);
}

void World::completed(std::size_t node, const SimDevice::Done& done) {
  at(now_ + draw_up_to(options_.report_delay_max), [this, node, done] { report(node, done); });
  if (random_.chance(options_.duplicate_report_share))
    at(now_ + draw_up_to(options_.report_delay_max), [this, node, done] { report(node, done); });
}

void World::report(std::size_t node, const SimDevice::Done& done) {
  const Books& books = checker_.books(done.lane);
  const auto& tasks = batches_.at(done.batch);
  // Its tasks have their outcome unless the worker was lost before the report arrived.
  const WorkerId id{static_cast<std::uint32_t>(node)};
  const WorkerView* worker = books.worker(id);
  const bool counts =
      worker != nullptr &&
      std::ranges::find(worker->held, done.batch, &HeldView::batch) != worker->held.end();
  const Event event = BatchFinished{id, done.batch};
  if (counts) {
    for (const TaskId task : tasks) {
      const auto sent = sent_.find(task);
      TROUPE_ASSERT(sent != sent_.end(), "a task on a worker is one the world waits for");
      (sent->second.asked_urgent ? report_.asked_urgent : report_.others)
          .push_back(now_ - sent->second.at);
      sent_.erase(sent);
    }
  }
  call(done.lane, &event);
}

}  // namespace troupe::sim
