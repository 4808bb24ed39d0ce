#include "kernels/cpu/cpu_device.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "kernels/cpu/batch_runner.hpp"
#include "kernels/cpu/calibrate.hpp"
#include "kernels/cpu/encoder.hpp"
#include "kernels/cpu/encoder_cache.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::kernels {
namespace cpu {
namespace {

// How long urgent work waits for the running batch to yield, on the slowest of the machines that we
// measured; only ever used as a price.
constexpr Duration tile_assumed = std::chrono::microseconds(150);

// A text encoder that the device holds, with a workspace for each lane. A batch that was taken
// keeps it.
struct LoadedModel {
  explicit LoadedModel(const std::shared_ptr<const Encoder>& encoder)
      : ordinary(encoder), urgent(encoder), cost(encode_cost(*encoder)) {}
  EncoderSeat ordinary;
  EncoderSeat urgent;
  Cost cost;
};

// What the device holds once it is open; made before its thread starts.
struct Setup {
  const Tiles* tiles = nullptr;
  std::shared_ptr<EncoderCache> encoders;
  Cost recall_cost;
  std::vector<PackedPolicy> policies;  // by ModelId
  std::vector<Cost> act_costs;         // by ModelId
  std::shared_ptr<const MemoryStore> memory;
  DeviceInfo info;
  int nice = 0;
};

struct Job {
  Batch batch;
  Completion completion;
  std::shared_ptr<LoadedModel> model;  // null for a batch without texts
};

using LoadedModels = std::vector<std::shared_ptr<LoadedModel>>;  // by ModelId; null: not loaded

class CpuDevice final : public Device {
 public:
  CpuDevice(Setup setup, LoadedModels models)
      : setup_(std::move(setup)),
        ordinary_runner_(*setup_.tiles, setup_.policies, setup_.memory),
        urgent_runner_(*setup_.tiles, setup_.policies, setup_.memory),
        models_(std::move(models)),
        thread_([this] { run(); }) {}

  ~CpuDevice() override { CpuDevice::stop(); }

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return setup_.info; }

  Status submit(Batch batch, Completion completion) override;
  Status submit_urgent(Batch batch, Completion completion) override;

  [[nodiscard]] bool takes_models() const noexcept override { return true; }
  Status load(ModelId model, std::shared_ptr<const BertModel> weights,
              Precision precision) override;
  void unload(ModelId model) override;

  [[nodiscard]] Cost cost(ModelId model) const noexcept override {
    const auto found = find(model);
    return found ? found->cost : Cost{};
  }
  [[nodiscard]] Cost recall_cost() const noexcept override { return setup_.recall_cost; }
  [[nodiscard]] Cost act_cost(ModelId policy) const noexcept override {
    return policy.value < setup_.act_costs.size() ? setup_.act_costs[policy.value] : Cost{};
  }

  void stop() override;

 private:
  [[nodiscard]] std::shared_ptr<LoadedModel> find(ModelId model) const;
  // With the model that the batch needs.
  [[nodiscard]] Result<Job> check(Batch&& batch, Completion&& completion) const;
  [[nodiscard]] Error draining() const;
  void name_thread() const;
  void run();
  void run_ordinary(const Job& job);
  void run_urgent_waiting();

  const Setup setup_;
  BatchRunner ordinary_runner_;
  BatchRunner urgent_runner_;

  mutable std::mutex models_mutex_;
  LoadedModels models_;  // guarded by models_mutex_

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> ordinary_;       // guarded by mutex_
  bool ordinary_running_ = false;  // guarded by mutex_
  std::deque<Job> urgent_;         // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_

  // The yield word: set when urgent work waits. Written under mutex_, read without it between
  // tiles.
  std::atomic<bool> urgent_waits_ = false;

  std::mutex join_mutex_;
  std::thread thread_;  // last, for it uses all of the above
};

// The results of a batch, whatever happens on the way.
std::vector<ItemResult> results_of(const Batch& batch, EncoderSeat* seat, BatchRunner& runner,
                                   const YieldHook& yield) {
  std::string what;
  try {
    return runner.run(batch, seat, yield);
  } catch (const std::exception& failure) {  // out of memory, in practice
    what = failure.what();
  }
  std::vector<ItemResult> results;
  results.reserve(batch.items.size());
  for (const auto& item : batch.items)
    results.push_back({item.task, Error{ErrorCode::internal, "the batch failed: " + what, ""}});
  return results;
}

void complete(const Job& job, BatchReport report) {
  try {
    job.completion(std::move(report));
  } catch (...) {
    TROUPE_ASSERT(false, "a completion threw; it may only post a message");
  }
}

Status CpuDevice::submit(Batch batch, Completion completion) {
  auto job = check(std::move(batch), std::move(completion));
  if (!job) return job.error();
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return draining();
    if (ordinary_.size() + (ordinary_running_ ? 1 : 0) >= setup_.info.queue_batches_max)
      return Error{ErrorCode::queue_full,
                   setup_.info.name + " has " + std::to_string(setup_.info.queue_batches_max) +
                       " batches already",
                   "submit the next when one completes"};
    ordinary_.push_back(std::move(*job));
  }
  wake_.notify_one();
  return {};
}

Status CpuDevice::submit_urgent(Batch batch, Completion completion) {
  auto job = check(std::move(batch), std::move(completion));
  if (!job) return job.error();
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return draining();
    if (urgent_.size() >= setup_.info.urgent_batches_max)
      return Error{ErrorCode::queue_full,
                   setup_.info.name + " has " + std::to_string(setup_.info.urgent_batches_max) +
                       " urgent batches waiting",
                   "retry after one completes, or send the task elsewhere"};
    urgent_.push_back(std::move(*job));
    urgent_waits_.store(true, std::memory_order_release);
  }
  wake_.notify_one();
  return {};
}

void CpuDevice::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  TROUPE_ASSERT(std::this_thread::get_id() != thread_.get_id(),
                "a device cannot be stopped from its own completion");
  const std::scoped_lock lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<LoadedModel> CpuDevice::find(ModelId model) const {
  const std::scoped_lock lock(models_mutex_);
  return model.value < models_.size() ? models_[model.value] : nullptr;
}

Status CpuDevice::load(ModelId model, std::shared_ptr<const BertModel> weights,
                       Precision precision) {
  if (find(model) != nullptr) return {};
  auto loaded = std::make_shared<LoadedModel>(
      setup_.encoders->get(*setup_.tiles, std::move(weights), precision));
  const std::scoped_lock lock(models_mutex_);
  if (model.value >= models_.size()) models_.resize(model.value + std::size_t{1});
  models_[model.value] = std::move(loaded);
  return {};
}

void CpuDevice::unload(ModelId model) {
  std::shared_ptr<LoadedModel> gone;  // freed without the lock
  const std::scoped_lock lock(models_mutex_);
  if (model.value < models_.size()) gone = std::exchange(models_[model.value], nullptr);
}

Result<Job> CpuDevice::check(Batch&& batch, Completion&& completion) const {
  if (batch.items.size() > limits::tasks_per_batch_max)
    return Error{ErrorCode::too_large,
                 "a batch of " + std::to_string(batch.items.size()) + " tasks",
                 "send at most " + std::to_string(limits::tasks_per_batch_max)};
  std::size_t tokens = 0;
  bool encodes = false;
  for (const auto& item : batch.items) {
    if (std::holds_alternative<Decision>(item.work) && batch.model.value >= setup_.policies.size())
      return Error{ErrorCode::model_missing,
                   setup_.info.name + " holds no policy " + std::to_string(batch.model.value), ""};
    const auto* text = std::get_if<Tokens>(&item.work);
    if (text == nullptr) continue;
    encodes = true;
    tokens += text->ids.size();
  }
  auto model = encodes ? find(batch.model) : nullptr;
  if (encodes && model == nullptr)
    return Error{ErrorCode::model_missing,
                 setup_.info.name + " holds no model " + std::to_string(batch.model.value), ""};
  if (tokens > limits::tokens_per_batch_max)
    return Error{ErrorCode::too_large, "a batch of " + std::to_string(tokens) + " tokens",
                 "send at most " + std::to_string(limits::tokens_per_batch_max)};
  return Job{std::move(batch), std::move(completion), std::move(model)};
}

Error CpuDevice::draining() const {
  return {ErrorCode::draining, setup_.info.name + " is stopping", "send the task elsewhere"};
}

void CpuDevice::name_thread() const {
  constexpr std::size_t name_max = 15;  // Linux keeps no more
  pthread_setname_np(pthread_self(), ("tr-" + setup_.info.name).substr(0, name_max).c_str());
  // On Linux a thread has a priority of its own, under its own id. Lowering it is always allowed.
  const auto thread = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + setup_.nice);
}

void CpuDevice::run() {
  name_thread();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !urgent_.empty() || !ordinary_.empty(); });
    if (!urgent_.empty()) {
      lock.unlock();
      run_urgent_waiting();
      lock.lock();
    } else if (!ordinary_.empty()) {
      const Job job = std::move(ordinary_.front());
      ordinary_.pop_front();
      ordinary_running_ = true;
      lock.unlock();
      run_ordinary(job);
      lock.lock();
    } else {
      return;
    }
  }
}

void CpuDevice::run_ordinary(const Job& job) {
  BatchReport report;
  report.id = job.batch.id;
  report.started = now();
  const YieldHook yield = [this, &report] {
    if (!urgent_waits_.load(std::memory_order_acquire)) return;
    const Instant from = now();
    run_urgent_waiting();
    report.yielded += now() - from;
    ++report.yields;
  };
  report.results =
      results_of(job.batch, job.model ? &job.model->ordinary : nullptr, ordinary_runner_, yield);
  report.finished = now();
  {
    // Before the completion, whose receiver may submit the next batch at once.
    const std::scoped_lock lock(mutex_);
    ordinary_running_ = false;
  }
  complete(job, std::move(report));
}

// Until none waits: urgent batches yield to nobody.
void CpuDevice::run_urgent_waiting() {
  for (;;) {
    Job job;
    {
      const std::scoped_lock lock(mutex_);
      if (urgent_.empty()) {
        urgent_waits_.store(false, std::memory_order_release);
        return;
      }
      job = std::move(urgent_.front());
      urgent_.pop_front();
    }
    BatchReport report;
    report.id = job.batch.id;
    report.started = now();
    report.results =
        results_of(job.batch, job.model ? &job.model->urgent : nullptr, urgent_runner_, [] {});
    report.finished = now();
    complete(job, std::move(report));
  }
}

Status check_options(const CpuDeviceOptions& options) {
  if (options.name.empty() || options.name.size() > limits::name_bytes_max)
    return Error{ErrorCode::invalid_argument, "a device without a name, or with one too long", ""};
  constexpr int nice_max = 19;
  if (options.nice < 0 || options.nice > nice_max)
    return Error{ErrorCode::invalid_argument,
                 options.name + " cannot run at nice " + std::to_string(options.nice),
                 "choose 0 to 19"};
  if (options.precisions.size() > options.models.size())
    return Error{ErrorCode::invalid_argument,
                 options.name + " was given precisions of models that are not there", ""};
  for (const auto& model : options.models) {
    if (model == nullptr) continue;
    if (auto good = check_model(*model); !good) return good;
  }
  for (const auto& policy : options.policies) {
    if (auto good = check_policy(policy); !good) return good;
  }
  return {};
}

}  // namespace
}  // namespace cpu

Result<std::unique_ptr<Device>> open_cpu_device(CpuDeviceOptions options) {
  if (auto good = cpu::check_options(options); !good) return good.error();
  const auto tiles = cpu::find_tiles(options.instructions);
  if (!tiles) return tiles.error();
  cpu::Setup setup;
  setup.tiles = *tiles;
  setup.encoders =
      options.encoders ? std::move(options.encoders) : std::make_shared<cpu::EncoderCache>();
  cpu::LoadedModels models;
  options.precisions.resize(options.models.size(), Precision::f32);
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    auto& model = options.models[i];
    models.push_back(model ? std::make_shared<cpu::LoadedModel>(setup.encoders->get(
                                 **tiles, std::move(model), options.precisions[i]))
                           : nullptr);
  }
  for (auto& [model, sampling] : options.policies) {
    setup.policies.push_back(
        {std::make_shared<const cpu::Policy>(**tiles, std::move(model)), sampling});
    setup.act_costs.push_back(cpu::act_cost(setup.policies.back().policy));
  }
  setup.recall_cost = cpu::recall_cost(**tiles);
  setup.memory = std::move(options.memory);
  setup.info.name = std::move(options.name);
  setup.info.description = std::string((*tiles)->description) + ", one thread";
  setup.info.tile = cpu::tile_assumed;
  setup.nice = options.nice;
  return std::unique_ptr<Device>(
      std::make_unique<cpu::CpuDevice>(std::move(setup), std::move(models)));
}

}  // namespace troupe::kernels
