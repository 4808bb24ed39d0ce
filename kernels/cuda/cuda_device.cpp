#include "kernels/cuda/cuda_device.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "kernels/cuda/batch_runner.hpp"
#include "kernels/cuda/encoder.hpp"
#include "kernels/cuda/policy.hpp"
#include "kernels/cuda/resident_memories.hpp"

namespace troupe::kernels {
namespace {

using cuda::Encoder;
using cuda::Gpu;
using cuda::Stream;
using cuda::Yield;

// Guesses, until batches are measured: what launching takes, a token of a small encoder, a thousand
// rows of a memory and a decision.
constexpr Duration launch_assumed = std::chrono::microseconds(150);
constexpr Duration token_assumed = std::chrono::nanoseconds(100);
constexpr Duration rows_assumed = std::chrono::microseconds(1);
constexpr Duration decision_assumed = std::chrono::nanoseconds(50);
// How long urgent work waits at most for the kernels that run.
constexpr Duration tile_assumed = std::chrono::microseconds(200);
constexpr std::size_t slices_max = 2;  // of an ordinary batch, under way

struct Job {
  Batch batch;
  Completion completion;
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(CudaDeviceOptions options);
  ~CudaDevice() override { CudaDevice::stop(); }

  // After which the device works, or not.
  Status opened() { return opened_.get_future().get(); }

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return info_; }
  Status submit(Batch batch, Completion completion) override;
  Status submit_urgent(Batch batch, Completion completion) override;
  [[nodiscard]] Cost cost(ModelId model) const noexcept override {
    return model.value < options_.models.size() ? Cost{launch_assumed, token_assumed} : Cost{};
  }
  [[nodiscard]] Cost recall_cost() const noexcept override {
    return {launch_assumed, rows_assumed};
  }
  [[nodiscard]] Cost act_cost(ModelId policy) const noexcept override {
    return policy.value < options_.policies.size() ? Cost{launch_assumed, decision_assumed}
                                                   : Cost{};
  }
  void stop() override;

 private:
  Status check(const Batch& batch) const;
  Status take(std::deque<Job>& queue, std::size_t limit, std::size_t running, Job job);
  void set_yield(std::uint32_t value);  // with the bell's mutex held
  void run();
  Status open();
  Status open_models(Stream stream);
  Status open_memories();
  void close();
  void run_ordinary(const Job& job);
  void run_urgent_waiting();
  std::vector<ItemResult> results_of(const Batch& batch, cuda::BatchRunner* runner,
                                     const Yield& yield);

  const CudaDeviceOptions options_;
  DeviceInfo info_;
  std::promise<Status> opened_;

  // The thread's own.
  std::shared_ptr<Gpu> gpu_;
  cuda::Buffer yield_word_;  // of one number; none where ordinary batches are not resumable
  cuda::Shared shared_;
  std::unique_ptr<cuda::BatchRunner> ordinary_runner_;
  std::unique_ptr<cuda::BatchRunner> urgent_runner_;

  cuda::Bell bell_;                // its mutex guards what follows
  std::deque<Job> ordinary_;       // guarded
  bool ordinary_running_ = false;  // guarded
  std::deque<Job> urgent_;         // guarded
  bool stopping_ = false;          // guarded
  // The yield word while the device is open: not zero when urgent work waits. Kernels read it.
  std::uint32_t* yield_ = nullptr;  // guarded
  std::optional<Error> retired_;    // guarded

  std::mutex join_mutex_;
  std::thread thread_;  // last, for it uses all of the above
};

CudaDevice::CudaDevice(CudaDeviceOptions options) : options_(std::move(options)) {
  info_.name = options_.name;
  info_.description = options_.description;
  info_.tile = tile_assumed;
  thread_ = std::thread([this] { run(); });
}

Status CudaDevice::check(const Batch& batch) const {
  const auto too_large = [](std::size_t count, const char* what, std::size_t most) {
    return Error{ErrorCode::too_large, "a batch of " + std::to_string(count) + what,
                 "send at most " + std::to_string(most)};
  };
  if (batch.items.size() > limits::tasks_per_batch_max)
    return too_large(batch.items.size(), " tasks", limits::tasks_per_batch_max);
  std::size_t tokens = 0;
  for (const auto& item : batch.items) {
    if (std::holds_alternative<Decision>(item.work) &&
        batch.model.value >= options_.policies.size())
      return Error{ErrorCode::model_missing,
                   info_.name + " holds no policy " + std::to_string(batch.model.value), ""};
    const auto* text = std::get_if<Tokens>(&item.work);
    if (text == nullptr) continue;
    if (batch.model.value >= options_.models.size())
      return Error{ErrorCode::model_missing,
                   info_.name + " holds no model " + std::to_string(batch.model.value), ""};
    tokens += text->ids.size();
  }
  if (tokens > limits::tokens_per_batch_max)
    return too_large(tokens, " tokens", limits::tokens_per_batch_max);
  return {};
}

Status CudaDevice::take(std::deque<Job>& queue, std::size_t limit, std::size_t running, Job job) {
  if (auto good = check(job.batch); !good) return good;
  {
    const std::scoped_lock lock(bell_.mutex);
    if (stopping_)
      return Error{ErrorCode::draining, info_.name + " is stopping", "send the task elsewhere"};
    if (retired_) return *retired_;
    if (queue.size() + (ordinary_running_ ? running : 0) >= limit)
      return Error{ErrorCode::queue_full,
                   info_.name + " has " + std::to_string(limit) + " such batches already",
                   "submit the next when one completes"};
    queue.push_back(std::move(job));
    if (&queue == &urgent_) set_yield(1);
  }
  bell_.wake.notify_all();
  return {};
}

void CudaDevice::set_yield(std::uint32_t value) {
  if (yield_ != nullptr) std::atomic_ref(*yield_).store(value, std::memory_order_release);
}

Status CudaDevice::submit(Batch batch, Completion completion) {
  return take(ordinary_, info_.queue_batches_max, 1, {std::move(batch), std::move(completion)});
}

Status CudaDevice::submit_urgent(Batch batch, Completion completion) {
  return take(urgent_, info_.urgent_batches_max, 0, {std::move(batch), std::move(completion)});
}

void CudaDevice::stop() {
  {
    const std::scoped_lock lock(bell_.mutex);
    stopping_ = true;
  }
  bell_.wake.notify_all();
  TROUPE_ASSERT(std::this_thread::get_id() != thread_.get_id(),
                "a device cannot be stopped from its own completion");
  const std::scoped_lock lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

Status CudaDevice::open() {
  auto gpu = options_.open();
  if (!gpu) return gpu.error();
  gpu_ = std::move(*gpu);
  shared_.gpu = gpu_.get();
  shared_.bell = &bell_;
  if (options_.products == Products::cublas) {
    const char* const why_not = gpu_->open_blas();
    shared_.blas = why_not == nullptr;
    if (!shared_.blas) info_.description += std::string("; without cuBLAS: ") + why_not;
  }
  Stream stream = nullptr;
  if (auto good = cuda::check(*gpu_, gpu_->make_stream(false, &stream), "making a stream"); !good)
    return good;
  const Status brought = open_models(stream);
  gpu_->free_stream(stream);
  if (!brought) return brought;
  if (auto good = open_memories(); !good) return good;
  if (options_.bulk == BulkMethod::resumable) {
    if (auto good = yield_word_.allocate(*gpu_, cuda::Buffer::Kind::pinned, sizeof(std::uint32_t),
                                         "allocating the yield word");
        !good)
      return good;
    *yield_word_.at<std::uint32_t>(0) = 0;
    shared_.yield_word = yield_word_.at<std::uint32_t>(0);
    const std::scoped_lock lock(bell_.mutex);
    yield_ = yield_word_.at<std::uint32_t>(0);
  }
  for (const bool urgent : {true, false}) {
    auto runner = cuda::BatchRunner::open(shared_, urgent, urgent ? 1 : slices_max);
    if (!runner) return runner.error();
    (urgent ? urgent_runner_ : ordinary_runner_) = std::move(*runner);
  }
  return {};
}

Status CudaDevice::open_models(Stream stream) {
  for (const auto& model : options_.models) {
    auto encoder = Encoder::open(*gpu_, stream, model, options_.number);
    if (!encoder) return encoder.error();
    shared_.encoders.push_back(std::move(*encoder));
  }
  for (const auto& served : options_.policies) {
    auto policy = cuda::Policy::open(*gpu_, stream, served);
    if (!policy) return policy.error();
    shared_.policies.push_back(std::move(*policy));
  }
  return {};
}

Status CudaDevice::open_memories() {
  if (options_.memory == nullptr) return {};
  std::uint64_t bytes = options_.recall_bytes;
  if (bytes == 0) {
    std::size_t free = 0;
    if (auto good = cuda::check(*gpu_, gpu_->free_memory(&free), "asking for free memory"); !good)
      return good;
    bytes = std::min<std::uint64_t>(free / 2, cuda::ResidentMemories::bytes_for(*options_.memory));
  }
  auto residents = cuda::ResidentMemories::open(*gpu_, bytes);
  if (!residents) return residents.error();
  shared_.store = options_.memory;
  shared_.residents = std::move(*residents);
  return {};
}

// In the order that what depends on something goes first.
void CudaDevice::close() {
  {
    const std::scoped_lock lock(bell_.mutex);
    yield_ = nullptr;
  }
  ordinary_runner_.reset();
  urgent_runner_.reset();
  shared_ = {};
  yield_word_.reset();
  gpu_.reset();
}

void CudaDevice::run() {
  constexpr std::size_t name_max = 15;  // Linux keeps no more
  pthread_setname_np(pthread_self(), ("tr-" + info_.name).substr(0, name_max).c_str());
  const Status good = open();
  opened_.set_value(good);
  std::unique_lock lock(bell_.mutex);
  if (!good) retired_ = good.error();
  for (;;) {
    bell_.wake.wait(lock, [this] { return stopping_ || !urgent_.empty() || !ordinary_.empty(); });
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
      break;
    }
  }
  lock.unlock();
  close();
}

void complete(const Job& job, BatchReport report) {
  try {
    job.completion(std::move(report));
  } catch (...) {
    TROUPE_ASSERT(false, "a completion threw; it may only post a message");
  }
}

void CudaDevice::run_ordinary(const Job& job) {
  BatchReport report;
  report.id = job.batch.id;
  report.started = now();
  const Yield yield{[this] { return !urgent_.empty(); },
                    [this, &report] {
                      {
                        const std::scoped_lock lock(bell_.mutex);
                        if (urgent_.empty()) return;
                      }
                      const Instant from = now();
                      run_urgent_waiting();
                      report.yielded += now() - from;
                      ++report.yields;
                    }};
  report.results = results_of(job.batch, ordinary_runner_.get(), yield);
  report.finished = now();
  {
    const std::scoped_lock lock(bell_.mutex);
    ordinary_running_ = false;
  }
  complete(job, std::move(report));
}

void CudaDevice::run_urgent_waiting() {
  for (;;) {
    Job job;
    {
      const std::scoped_lock lock(bell_.mutex);
      if (urgent_.empty()) {
        set_yield(0);
        return;
      }
      job = std::move(urgent_.front());
      urgent_.pop_front();
    }
    BatchReport report;
    report.id = job.batch.id;
    report.started = now();
    report.results = results_of(job.batch, urgent_runner_.get(), {});
    report.finished = now();
    complete(job, std::move(report));
  }
}

// The results of a batch, whatever happens on the way.
std::vector<ItemResult> CudaDevice::results_of(const Batch& batch, cuda::BatchRunner* runner,
                                               const Yield& yield) {
  std::vector<ItemResult> results;
  std::optional<Error> retired;
  {
    const std::scoped_lock lock(bell_.mutex);
    retired = retired_;
  }
  if (!retired) {
    try {
      const Status good = runner->run(batch, results, yield);
      if (good) return results;
      const Error& error = good.error();
      retired = Error{error.code, info_.name + ": " + error.what, error.next_step};
    } catch (
        const std::exception& failure) {  // out of memory, in practice; slices may be under way
      retired =
          Error{ErrorCode::internal, info_.name + " gave up on a batch: " + failure.what(), ""};
    }
    const std::scoped_lock lock(bell_.mutex);
    // A batch that was let in may have found it out already.
    if (!retired_) retired_ = retired;
  }
  results.resize(batch.items.size());
  for (std::size_t i = 0; i < results.size(); ++i)
    results[i] = {batch.items[i].task, Result<Output>(*retired)};
  return results;
}

}  // namespace

Result<std::unique_ptr<Device>> open_cuda_device(CudaDeviceOptions options) {
  if (options.name.empty() || options.name.size() > limits::name_bytes_max || !options.open)
    return Error{ErrorCode::invalid_argument, "a device without a name or a GPU", ""};
  for (const auto& model : options.models) {
    if (model == nullptr)
      return Error{ErrorCode::invalid_argument,
                   options.name + " was given a model that is not there", ""};
    if (auto good = check_model(*model); !good) return good.error();
  }
  for (const auto& policy : options.policies) {
    if (auto good = check_policy(policy); !good) return good.error();
  }
  auto device = std::make_unique<CudaDevice>(std::move(options));
  if (auto good = device->opened(); !good) return good.error();
  return std::unique_ptr<Device>(std::move(device));
}

}  // namespace troupe::kernels
