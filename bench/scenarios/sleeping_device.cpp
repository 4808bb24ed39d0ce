#include "bench/scenarios/sleeping_device.hpp"

#include <algorithm>
#include <utility>

#include "actors/wakeup.hpp"
#include "base/clock.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration spin = std::chrono::microseconds(50);
constexpr Duration gap_long = std::chrono::milliseconds(1);

void spin_until(Instant at) {
  while (now() < at) continue;
}

}  // namespace

std::vector<kernels::ItemResult> empty_results(const kernels::Batch& batch) {
  // In place, since g++ 12 sees ghosts when a variant of variants is moved.
  std::vector<kernels::ItemResult> results(batch.items.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].task = batch.items[i].task;
    results[i].output = Output(std::in_place_type<Hits>);
  }
  return results;
}

void IdleWatch::asked(Instant at) {
  const std::lock_guard lock(mutex_);
  if (waiting_++ == 0 && idle_) since_ = at;
}

void IdleWatch::given(Instant at, std::size_t tasks) {
  const std::lock_guard lock(mutex_);
  if (idle_ && waiting_ > 0) {
    const Duration gap = at - since_;
    gaps_.longest = std::max(gaps_.longest, gap);
    if (gap > gap_long) ++gaps_.over_1_ms;
  }
  idle_ = false;
  waiting_ -= static_cast<std::int64_t>(tasks);
}

void IdleWatch::idle(Instant at) {
  const std::lock_guard lock(mutex_);
  idle_ = true;
  since_ = at;
}

void IdleWatch::begin() {
  const std::lock_guard lock(mutex_);
  gaps_ = {};
}

IdleWatch::Gaps IdleWatch::gaps() const {
  const std::lock_guard lock(mutex_);
  return gaps_;
}

SleepingDevice::SleepingDevice(const Model& model, Duration tile, IdleWatch* watch)
    : model_(model), watch_(watch) {
  info_.name = "sleeping";
  info_.description = "a modelled device";
  info_.tile = tile;
  thread_ = std::thread([this] { run(); });
}

SleepingDevice::~SleepingDevice() {
  stop();
}

Status SleepingDevice::submit(kernels::Batch batch, kernels::Completion completion) {
  return take(in_turn_, info_.queue_batches_max, std::move(batch), std::move(completion));
}

Status SleepingDevice::submit_urgent(kernels::Batch batch, kernels::Completion completion) {
  return take(urgent_, info_.urgent_batches_max, std::move(batch), std::move(completion));
}

Status SleepingDevice::take(std::deque<Job>& jobs, std::size_t limit, kernels::Batch&& batch,
                            kernels::Completion&& completion) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::draining, "the device has stopped", ""};
    if (jobs.size() + (&jobs == &in_turn_ ? running_ : 0) >= limit)
      return Error{ErrorCode::queue_full, "the device holds its limit of batches", ""};
    if (watch_ != nullptr) watch_->given(now(), batch.items.size());
    jobs.push_back({std::move(batch), std::move(completion)});
    if (&jobs == &urgent_) has_urgent_.store(true, std::memory_order_release);
  }
  changed_.notify_one();
  return {};
}

void SleepingDevice::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

SleepingDevice::Counts SleepingDevice::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void SleepingDevice::run() {
  actors::name_thread("sleeping-device");
  actors::wake_precisely();
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !urgent_.empty() || !in_turn_.empty(); });
      if (urgent_.empty() && in_turn_.empty()) return;
      if (urgent_.empty()) {
        job = std::move(in_turn_.front());
        in_turn_.pop_front();
        running_ = 1;
      }
    }
    if (running_ == 1)
      run_in_turn(std::move(job));
    else
      run_urgent();
  }
}

// Sleeps, then spins. True at the time; false before it, if there is urgent work that may enter.
bool SleepingDevice::pass_until(Instant at) {
  const bool enterable = info_.tile > Duration::zero();
  if (at - now() > spin) {
    std::unique_lock lock(mutex_);
    const auto wake = std::chrono::steady_clock::time_point((at - spin).time_since_epoch());
    if (changed_.wait_until(lock, wake, [&] { return enterable && !urgent_.empty(); }))
      return false;
  }
  while (now() < at)
    if (enterable && has_urgent_.load(std::memory_order_acquire)) return false;
  return true;
}

// One urgent batch, from beginning to end, and how long it took.
Duration SleepingDevice::run_urgent() {
  Job job;
  {
    const std::lock_guard lock(mutex_);
    job = std::move(urgent_.front());
    urgent_.pop_front();
    has_urgent_.store(!urgent_.empty(), std::memory_order_release);
  }
  kernels::BatchReport report;
  report.started = now();
  const Instant end =
      report.started + model_.of(static_cast<std::uint32_t>(job.batch.items.size()));
  if (end - now() > spin) {
    // Not on the condition, which more urgent work would wake.
    std::this_thread::sleep_until(
        std::chrono::steady_clock::time_point((end - spin).time_since_epoch()));
  }
  spin_until(end);
  report.finished = now();
  const Duration took = report.finished - report.started;
  conclude(job, std::move(report), true);
  return took;
}

void SleepingDevice::run_in_turn(Job job) {
  kernels::BatchReport report;
  report.started = now();
  Duration left = model_.of(static_cast<std::uint32_t>(job.batch.items.size()));
  for (Instant begins = report.started; !pass_until(begins + left);) {
    const Duration passed = now() - begins;
    const Duration boundary = (passed / info_.tile + 1) * info_.tile;
    if (boundary >= left) {  // it goes next
      spin_until(begins + left);
      break;
    }
    spin_until(begins + boundary);
    left -= boundary;
    report.yielded += run_urgent();
    ++report.yields;
    begins = now();
  }
  report.finished = now();
  conclude(job, std::move(report), false);
}

void SleepingDevice::conclude(Job& job, kernels::BatchReport&& report, bool inside) {
  report.id = job.batch.id;
  report.results = empty_results(job.batch);
  {
    const std::lock_guard lock(mutex_);
    ++counts_.batches;
    counts_.tasks += job.batch.items.size();
    if (inside) ++counts_.inside;
    counts_.busy += report.finished - report.started - report.yielded;
    if (!inside) running_ = 0;
    if (watch_ != nullptr && running_ == 0 && in_turn_.empty() && urgent_.empty())
      watch_->idle(now());
  }
  job.completion(std::move(report));
}

}  // namespace troupe::bench::scenarios
