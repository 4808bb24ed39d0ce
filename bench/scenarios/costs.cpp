// costs (figure 5): how well the scheduler knows what a batch will take, and how soon it knows
// again after the device has become half as fast. The device's times scatter by 3 %; what the
// scheduler is told in the beginning is wrong by half.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "bench/scenarios/scenarios.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr double error_wanted = 0.05;
constexpr Duration step_at = std::chrono::seconds(10);
// As many batches in a row whose mean error is small say that the step is learned.
constexpr std::size_t window = 10;

class Predictions final : public sim::Observer {
 public:
  void see(const sim::Step& step) override {
    if (step.event != nullptr)
      if (const auto* done = std::get_if<scheduler::BatchFinished>(step.event))
        note(step.at, *done);
    for (const auto& action : step.actions)
      if (const auto* launch = std::get_if<scheduler::Launch>(&action))
        predicted_[launch->batch] = {launch->predicted, step.at};
  }

  [[nodiscard]] double error_before() const {
    return before_count_ == 0 ? 1 : before_sum_ / static_cast<double>(before_count_);
  }
  // Batches launched after the step until its cost was known; all there were if it never was.
  [[nodiscard]] std::size_t batches_to_learn() const {
    for (std::size_t end = window; end <= after_.size(); ++end) {
      double sum = 0;
      for (std::size_t i = end - window; i < end; ++i) sum += after_[i];
      if (sum / window <= error_wanted) return end - window;
    }
    return after_.size();
  }

 private:
  struct Prediction {
    Duration takes{};
    Instant launched;
  };

  void note(Instant, const scheduler::BatchFinished& done) {
    const auto found = predicted_.find(done.batch);
    if (found == predicted_.end()) return;
    const double error = std::abs(in_ms(found->second.takes) / in_ms(done.busy) - 1);
    const Instant launched = found->second.launched;
    predicted_.erase(found);
    constexpr Duration warm_up = std::chrono::seconds(1);
    if (launched >= Instant{} + step_at) {
      after_.push_back(error);
    } else if (launched >= Instant{} + warm_up) {
      before_sum_ += error;
      ++before_count_;
    }
  }

  std::unordered_map<BatchId, Prediction> predicted_;
  double before_sum_ = 0;
  std::size_t before_count_ = 0;
  std::vector<double> after_;
};

}  // namespace

Result<ScenarioResult> run_costs(const RunOptions& options, Progress& progress) {
  progress.at(0, "a device that becomes half as fast");
  const Model model = mixed_model();
  sim::WorldOptions world;
  world.seed = options.seed;
  world.duration = std::chrono::seconds(20);
  world.devices = {device_of(model)};
  world.devices[0].noise = 0.03;
  world.devices[0].told_factor = 0.5;
  world.devices[0].slow_from = step_at;
  world.devices[0].slow_factor = 2;
  sim::Stream stream;
  stream.rate_per_s = 0.4 * model.tasks_per_s();
  world.streams = {stream};
  Predictions predictions;
  run_policy("troupe", model, world, &predictions);

  report::Figure error;
  error.id = "5";
  error.what = "mean error of the predicted cost, times that scatter by 3 %";
  error.unit = "%";
  error.value = 100 * predictions.error_before();
  error.target = 100 * error_wanted;
  report::Figure relearn;
  relearn.id = "5";
  relearn.what = "batches to learn that the device takes twice as long";
  relearn.value = static_cast<double>(predictions.batches_to_learn());
  relearn.target = 50;
  ScenarioResult result;
  result.figures = {error, relearn};
  result.text = "Learned: the mean error of ten batches in a row is at most 5 %.";
  return result;
}

}  // namespace troupe::bench::scenarios
