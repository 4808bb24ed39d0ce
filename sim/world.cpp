#include "sim/world.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>
#include <variant>

#include "base/assert.hpp"

namespace troupe::sim {

using scheduler::Event;
using scheduler::Launch;
using scheduler::Refuse;
using scheduler::TaskSubmitted;

namespace {

// So many calls of advance() at one instant that change nothing: it asks to be woken in the past.
constexpr std::uint32_t idle_calls_max = 100;

Duration scaled(Duration duration, double factor) noexcept {
  return Duration{
      static_cast<Duration::rep>(std::llround(static_cast<double>(duration.count()) * factor))};
}

// Standard normal, by Box and Muller.
double normal(Random& random) noexcept {
  const double radius = std::sqrt(-2 * std::log1p(-random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

}  // namespace

RunReport run(const WorldOptions& options, scheduler::Policy& policy, Observer* observer) {
  return World(options, policy, observer).run();
}

World::World(const WorldOptions& options, scheduler::Policy& policy, Observer* observer)
    : options_(options),
      policy_(policy),
      observer_(observer),
      random_(options.seed),
      end_(Instant{} + options.duration) {
  options_.grid = std::max(options_.grid, Duration{1});
  const double warm_up = std::clamp(options_.warm_up, 0.0, 1.0);
  measure_from_ = Instant{} + scaled(options_.duration, warm_up);
}

RunReport World::run() {
  plan();
  while (step()) {
  }
  return finish();
}

// --- what is going to happen ---------------------------------------------------------------------

void World::at(Instant when, What what, std::uint32_t a, std::uint64_t b, std::int64_t c) {
  happenings_.push_back({std::max(on_grid(when), now_), ++planned_, what, a, b, c});
  std::push_heap(happenings_.begin(), happenings_.end(), std::greater<>{});
}

Duration World::on_grid(Duration duration) const noexcept {
  return (duration + options_.grid - Duration{1}) / options_.grid * options_.grid;
}
Instant World::on_grid(Instant when) const noexcept {
  return options_.grid == Duration{1} ? when : Instant{on_grid(when - Instant{})};
}

Duration World::draw_up_to(Duration limit) {
  return Duration{random_.between(0, std::max<Duration::rep>(limit.count(), 0))};
}

void World::plan() {
  for (std::uint32_t i = 0; i < options_.devices.size(); ++i) {
    nodes_.emplace_back(options_.devices[i]);
    at(Instant{} + options_.devices[i].joins, What::join, i);
  }
  report_.streams.resize(options_.streams.size());
  report_.devices.resize(nodes_.size());
  traced_.resize(options_.streams.size());
  for (std::uint32_t i = 0; i < options_.streams.size(); ++i) {
    const TenantId tenant = options_.streams[i].tenant;
    auto known = std::ranges::find(report_.tenants, tenant, &TenantReport::tenant);
    if (known == report_.tenants.end()) known = report_.tenants.insert(known, {tenant, {}});
    tenant_of_.push_back(static_cast<std::size_t>(known - report_.tenants.begin()));
    plan_stream(i);
  }
  at(measure_from_, What::measure_begin);
  at(end_, What::measure_end);
  plan_faults();
}

// Its first arrivals; each open one plans the next.
void World::plan_stream(std::uint32_t index) {
  const Stream& stream = options_.streams[index];
  const Instant from = Instant{} + stream.from;
  if (stream.trace != nullptr) {
    if (!stream.trace->empty()) at(from + stream.trace->front().at, What::arrive, index);
  } else if (stream.agents > 0) {
    // Not all in the same instant.
    for (std::uint32_t i = 0; i < stream.agents; ++i)
      at(from + draw_up_to(stream.think + std::chrono::milliseconds(1)), What::arrive, index);
  } else if (stream.rate_per_s > 0) {
    const double mean_ns = 1e9 / stream.rate_per_s * (1.0 + stream.burst_tasks_max) / 2;
    at(from + Duration{static_cast<Duration::rep>(random_.exponential(mean_ns))}, What::arrive,
       index);
  }
}

// --- the loop ------------------------------------------------------------------------------------

// By how much the clock that the policy is shown is behind ours.
Duration World::clock_behind() const noexcept {
  Duration behind{};
  for (const ClockStep& clock : options_.faults.clock_steps) {
    const Instant from = Instant{} + clock.at;
    if (now_ >= from && now_ < from + clock.length) behind = std::max(behind, clock.back);
  }
  return behind;
}

Instant World::wakes_at() const noexcept {
  const auto wish = policy_.next_wakeup();
  if (!wish) return never;
  return std::max(options_.faults.clock_steps.empty() ? *wish : later(*wish, clock_behind()), now_);
}

// Of what comes at the same instant, first what was planned, then what the policy asked for.
bool World::step() {
  const Instant planned = happenings_.empty() ? never : happenings_.front().at;
  const Instant wakes = wakes_at();
  const Instant next = std::min(planned, wakes);
  if (next == never) return false;
  if (next > later(end_, options_.drain) || idle_calls_ > idle_calls_max) {
    report_.cut_off = true;
    return false;
  }
  TROUPE_ASSERT(next >= now_, "the virtual clock never goes back");
  if (next > now_) idle_calls_ = 0;
  now_ = next;
  if (wakes < planned) {
    call(nullptr);
    return true;
  }
  std::pop_heap(happenings_.begin(), happenings_.end(), std::greater<>{});
  const Happening happening = happenings_.back();
  happenings_.pop_back();
  happen(happening);
  return true;
}

void World::happen(const Happening& what) {
  switch (what.what) {
    case What::arrive:
      return arrive(what.a);
    case What::device:
      return device_turns(what.a, what.b);
    case What::report:
      return report(what.a);
    case What::join:
      return join(what.a);
    case What::fall_silent: {
      const Outage& outage = options_.faults.outages[what.a];
      Node& node = nodes_[outage.device];
      if (!node.here) return;
      node.device.fall_silent(now_);
      replan(outage.device);
      return at(now_ + outage.silent, What::lose, outage.device, node.epoch, outage.down.count());
    }
    case What::lose:
      return lose(what.a, what.b, Duration{what.c});
    case What::update:
      return update(options_.faults.updates[what.a]);
    case What::cancel: {
      const TaskId id{7, what.b};
      if (LiveTask* task = tasks_.find(id)) task->canceled = true;
      return call(scheduler::TaskCanceled{id});
    }
    case What::raise:
      return call(scheduler::TaskRaised{TaskId{7, what.b},
                                        now_ - clock_behind() + options_.faults.fault_window});
    case What::resubmit: {
      // Once it has its outcome the id would be that of a new task.
      const LiveTask* task = tasks_.find(TaskId{7, what.b});
      if (task != nullptr) call(TaskSubmitted{task->record});
      return;
    }
    case What::strange:
      return strange();
    case What::measure_begin:
      for (Node& node : nodes_) node.busy_before = node.device.busy(now_);
      return;
    case What::measure_end:
      for (std::size_t i = 0; i < nodes_.size(); ++i)
        report_.devices[i].busy = nodes_[i].device.busy(now_) - nodes_[i].busy_before;
      return;
    case What::clock:
      return;
  }
}

void World::call(const Event* event) {
  const Instant shown = options_.faults.clock_steps.empty() ? now_ : now_ - clock_behind();
  const std::size_t queued_before = policy_.queued();
  actions_.clear();
  if (event != nullptr)
    policy_.handle(shown, *event, actions_);
  else
    policy_.advance(shown, actions_);
  ++report_.calls;
  report_.decisions += actions_.size();
  idle_calls_ = event == nullptr && actions_.empty() ? idle_calls_ + 1 : 0;
  const Step step{
      shown, event, actions_, policy_.next_wakeup(), policy_.queued(), policy_.launched()};
  hash_.add(step);
  if (observer_ != nullptr) observer_->see(step);
  note_idleness(queued_before);
  // Carrying out never calls the policy, so `actions_` stays as it is.
  for (auto& action : actions_) {
    if (auto* launch = std::get_if<Launch>(&action))
      carry_out(*launch);
    else
      refused(std::get<Refuse>(action));
  }
}

// Before the decisions are carried out: who was idle while something was queued, and for how long.
void World::note_idleness(std::size_t queued_before) {
  if (queued_before == 0) queued_since_ = now_;
  if (queued_before == 0 && policy_.queued() == 0) return;
  for (const Node& node : nodes_)
    if (node.here && node.takes_work && node.device.idle() && node.held.empty())
      report_.idle_with_work_max =
          std::max(report_.idle_with_work_max, now_ - std::max(queued_since_, node.idle_since));
}

Duration World::cost_of(const DeviceOptions& device, const scheduler::Kind& kind,
                        std::uint64_t units) {
  Duration fixed = device.fixed;
  Duration per_unit = device.per_unit;
  for (const KindCost& other : device.kinds)
    if (other.kind == kind) fixed = other.fixed, per_unit = other.per_unit;
  Duration cost = fixed + per_unit * static_cast<Duration::rep>(units);
  for (const CostStep& one : device.steps)
    if (units <= one.units) {
      cost = std::max(cost, one.least);
      break;
    }
  double factor = 1;
  if (device.noise > 0)
    factor = std::exp(device.noise * normal(random_) - device.noise * device.noise / 2);
  if (now_ - Instant{} >= device.slow_from) factor *= device.slow_factor;
  const Faults& faults = options_.faults;
  if (faults.slow_share > 0 && random_.chance(faults.slow_share)) factor *= faults.slow_factor;
  if (factor != 1) cost = scaled(cost, factor);
  return std::max(on_grid(cost), Duration{1});
}

void World::carry_out(Launch& launch) {
  TROUPE_ASSERT(launch.worker.value < nodes_.size(), "a batch goes to a device that exists");
  Node& node = nodes_[launch.worker.value];
  if (free_batches_.empty()) {
    free_batches_.push_back(static_cast<std::uint32_t>(batches_.size()));
    batches_.emplace_back();
  }
  const std::uint32_t place = free_batches_.back();
  free_batches_.pop_back();
  Batch& batch = batches_[place];
  batch = Batch{
      launch.batch, launch.worker.value, std::move(launch.tasks), 0, {}, launch.lane, true, 0};
  for (const TaskId id : batch.tasks) {
    const LiveTask* task = tasks_.find(id);
    TROUPE_ASSERT(task != nullptr, "a task that is launched has no outcome yet");
    batch.units += task->record.units;
  }
  batch.work = cost_of(node.options, launch.kind, batch.units);
  node.held.push_back(place);
  node.device.submit(now_, launch.entry, place, batch.work);
  replan(launch.worker.value);

  DeviceReport& device = report_.devices[launch.worker.value];
  ++device.batches;
  if (launch.entry == Entry::inside) ++device.entered;
  if (batch.tasks.size() >= report_.batch_sizes.size())
    report_.batch_sizes.resize(batch.tasks.size() + 1);
  ++report_.batch_sizes[batch.tasks.size()];
}

void World::replan(std::uint32_t device) {
  Node& node = nodes_[device];
  const Instant next = node.device.next();
  ++node.turn;
  // What a device does need not be on the grid where it makes way at a tile.
  if (next == never) return;
  happenings_.push_back({next, ++planned_, What::device, device, node.turn, 0});
  std::push_heap(happenings_.begin(), happenings_.end(), std::greater<>{});
}

RunReport World::finish() {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    report_.devices[i].pauses = nodes_[i].device.pauses();
  // Whoever is left without an outcome, though nothing more can happen, was lost.
  if (tasks_.size() > 0) report_.cut_off = true;
  tasks_.for_each([this](const LiveTask& task) {
    if (task.measured) ++report_.streams[task.stream].unfinished;
  });
  report_.measured = end_ - measure_from_;
  report_.hash = hash_.value();
  report_.ended = now_;
  return std::move(report_);
}

}  // namespace troupe::sim
