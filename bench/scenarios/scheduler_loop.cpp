// loop (figure 7): what a decision costs. The production scheduler alone in a loop, on the CPU
// clock of the one thread that runs it, fed with the events of a device that is always full.
//
// Each round a batch ends, the next goes out, and as many tasks come as have ended; a thousand wait
// all the time. Time is the device's own: 50 us + 2 us for each task.
#include <algorithm>
#include <deque>

#include "base/random.hpp"
#include "bench/harness/paired.hpp"
#include "bench/harness/usage.hpp"
#include "bench/report/number.hpp"
#include "bench/scenarios/scenarios.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr std::uint32_t backlog = 1024;
constexpr std::uint64_t tasks_warm = 100'000;
constexpr std::uint64_t tasks_measured = 1'000'000;
constexpr std::uint32_t agents = 64;
constexpr std::size_t repeats = 5;

struct Load {
  const char* words;
  std::uint32_t tasks_max;
  std::uint32_t tenants;
  bool deadlines;
};
constexpr Load loads[] = {
    {"batches of 64", 64, 1, false},
    {"batches of 64, 16 tenants", 64, 16, false},
    {"batches of 64, 16 tenants, deadlines", 64, 16, true},
    {"batches of 256, 16 tenants, deadlines", 256, 16, true},
};

class Loop {
 public:
  Loop(const std::string& policy, const Load& load, std::uint64_t seed)
      : load_(load), random_(seed), policy_(make_policy(policy, load.tasks_max)) {
    model_ = {std::chrono::microseconds(50), std::chrono::microseconds(2), load.tasks_max};
    scheduler::WorkerJoined joined;
    joined.worker = WorkerId{0};
    joined.slots = 2;
    joined.cost_fixed = model_.fixed;
    joined.cost_per_unit = model_.per_task;
    tell(joined);
    for (std::uint32_t i = 0; i < backlog; ++i) submit();
  }

  // Until so many tasks have been launched since the beginning.
  void run(std::uint64_t tasks) {
    while (launched_ < tasks) round();
  }

  [[nodiscard]] std::uint64_t decided() const { return launched_ + refused_; }
  [[nodiscard]] std::uint64_t launched() const { return launched_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }

 private:
  struct Running {
    BatchId id;
    std::uint32_t tasks = 0;
  };

  void round() {
    if (running_.empty()) {
      now_ = policy_->next_wakeup().value_or(now_ + model_.fixed);
      policy_->advance(now_, actions_);
      carry_out();
      while (policy_->queued() < backlog) submit();
      return;
    }
    const Running done = running_.front();
    const Instant ends = std::max(now_, began_ + model_.of(done.tasks));
    // As a dispatcher does it: the next batch may be due before this one ends.
    while (const auto wake = policy_->next_wakeup()) {
      if (*wake > ends) break;
      now_ = std::max(now_, *wake);
      policy_->advance(now_, actions_);
      carry_out();
      if (policy_->next_wakeup() == wake) break;
    }
    now_ = ends;
    running_.pop_front();
    began_ = ends;
    tell(scheduler::BatchFinished{WorkerId{0}, done.id, model_.of(done.tasks)});
    while (policy_->queued() < backlog) submit();
  }

  void submit() {
    using std::chrono::milliseconds;
    scheduler::TaskRecord task;
    task.id = {1, ++tasks_};
    task.account.tenant = TenantId{static_cast<std::uint32_t>(random_.below(load_.tenants))};
    task.account.agent = random_.below(agents);
    task.submitted = now_;
    // Most can be met: a backlog of a thousand takes some three milliseconds.
    if (load_.deadlines) task.deadline = now_ + milliseconds(5) + milliseconds(random_.below(45));
    tell(scheduler::TaskSubmitted{task});
  }

  void tell(const scheduler::Event& event) {
    policy_->handle(now_, event, actions_);
    carry_out();
  }

  void carry_out() {
    for (const auto& action : actions_) {
      const auto* launch = std::get_if<scheduler::Launch>(&action);
      if (launch == nullptr) {
        ++refused_;
        continue;
      }
      if (running_.empty()) began_ = now_;
      running_.push_back({launch->batch, static_cast<std::uint32_t>(launch->tasks.size())});
      launched_ += launch->tasks.size();
      ++batches_;
    }
    actions_.clear();
  }

  const Load& load_;
  Random random_;
  std::unique_ptr<scheduler::Policy> policy_;
  Model model_;
  Instant now_ = Instant{} + std::chrono::seconds(1);
  Instant began_;
  std::deque<Running> running_;
  scheduler::Actions actions_;
  std::uint64_t tasks_ = 0;
  std::uint64_t launched_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t batches_ = 0;
};

struct Measured {
  double us_per_task = 0;
  double batch = 0;
  double refused_share = 0;
};

Measured measure(const std::string& policy, const Load& load, std::uint64_t seed) {
  Loop loop(policy, load, seed);
  loop.run(tasks_warm);
  const auto decided = loop.decided();
  const auto launched = loop.launched();
  const auto batches = loop.batches();
  const auto refused = loop.refused();
  const auto before = harness::thread_usage();
  loop.run(launched + tasks_measured);
  const auto used = harness::thread_usage() - before;
  Measured result;
  result.us_per_task =
      static_cast<double>(used.cpu().count()) / 1e3 / static_cast<double>(loop.decided() - decided);
  result.batch = static_cast<double>(loop.launched() - launched) /
                 static_cast<double>(loop.batches() - batches);
  result.refused_share =
      static_cast<double>(loop.refused() - refused) / static_cast<double>(loop.decided() - decided);
  return result;
}

}  // namespace

Result<ScenarioResult> run_scheduler_loop(const RunOptions& options, Progress& progress) {
  ScenarioResult result;
  double worst_us = 0;
  const char* worst = "";
  double done = 0;
  for (const Load& load : loads) {
    report::Figure figure;
    figure.id = "7";
    figure.what = "CPU for each task, " + std::string(load.words);
    figure.unit = "us";
    figure.target = 1;
    std::vector<double> values;
    Measured last;
    for (std::size_t i = 0; i < repeats; ++i) {
      if (options.is_interrupted()) return harness::interrupted_error();
      progress.at(done++ / static_cast<double>(repeats * std::size(loads)), load.words);
      last = measure(options.policies.front(), load, options.seed + i);
      values.push_back(last.us_per_task);
    }
    const auto spread = harness::spread_of(values);
    figure.value = spread.median;
    figure.detail = harness::spread_text(spread) + " in " + std::to_string(repeats) +
                    " runs of a million tasks; batches of " + report::number_text(last.batch) +
                    ", " + report::number_text(100 * last.refused_share) + " % refused";
    if (figure.value > worst_us) {
      worst_us = figure.value;
      worst = load.words;
    }
    result.figures.push_back(std::move(figure));
  }
  report::Figure rate;
  rate.id = "7";
  rate.what = "decisions on one core";
  rate.unit = "tasks/s";
  rate.target = 1'000'000;
  rate.comparison = report::Comparison::at_least;
  rate.value = 1e6 / worst_us;
  rate.detail = std::string("in the slowest of the loops above: ") + worst;
  result.figures.push_back(std::move(rate));
  result.text =
      "The production scheduler alone, on the CPU clock of its thread. A decision is a task that "
      "is "
      "launched or refused; its submission and its batch's end are in the cost, and so is what the "
      "loop itself does.";
  return result;
}

}  // namespace troupe::bench::scenarios
