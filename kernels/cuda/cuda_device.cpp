#include "kernels/cuda/cuda_device.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
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
#include "kernels/cpu/batch_runner.hpp"
#include "kernels/cpu/calibrate.hpp"
#include "kernels/cpu/select.hpp"
#include "kernels/cuda/encoder.hpp"

namespace troupe::kernels {
namespace {

using cuda::Encoder;
using cuda::EncoderSlot;
using cuda::Gpu;
using cuda::Stream;

// Guesses, until batches are measured: what launching takes, and a token of a small encoder.
constexpr Duration launch_assumed = std::chrono::microseconds(150);
constexpr Duration token_assumed = std::chrono::nanoseconds(100);
// How long urgent work waits at most for the kernels that run.
constexpr Duration tile_assumed = std::chrono::microseconds(200);
// How often a stream that says nothing is asked whether it still lives.
constexpr Duration silence_max = std::chrono::milliseconds(200);
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
  [[nodiscard]] Cost act_cost(ModelId policy) const noexcept override {
    return policy.value < act_costs_.size() ? act_costs_[policy.value] : Cost{};
  }
  void stop() override;

 private:
  // Where one slice runs: the slots of all models on one stream.
  struct Place {
    CudaDevice* device = nullptr;
    Stream stream = nullptr;
    std::vector<std::unique_ptr<EncoderSlot>> slots;  // by ModelId
    std::vector<std::size_t> items;                   // of the batch: what runs there
    bool done = true;                                 // guarded by mutex_
  };
  using Hook = std::function<void()>;

  Status check(const Batch& batch) const;
  Status take(std::deque<Job>& queue, std::size_t limit, std::size_t running, Job job);
  void run();
  Status open();
  Status open_place(Place& place, bool urgent);
  void close();
  void run_ordinary(const Job& job);
  void run_urgent_waiting();
  std::vector<ItemResult> results_of(const Batch& batch, std::span<Place> places, const Hook& yield,
                                     cpu::BatchRunner& others);
  Status encode(const Batch& batch, std::span<Place> places, const Hook& yield,
                std::vector<ItemResult>& results);
  Status start(const Batch& batch, Place& place);
  Status finish(const Batch& batch, Place& place, const Hook& yield,
                std::vector<ItemResult>& results);

  const CudaDeviceOptions options_;
  DeviceInfo info_;
  std::promise<Status> opened_;
  std::vector<Cost> act_costs_;  // by ModelId; set before the device is open, then only read

  // The thread's own.
  std::shared_ptr<Gpu> gpu_;
  std::vector<std::shared_ptr<const Encoder>> encoders_;
  std::array<Place, slices_max> ordinary_places_;
  std::array<Place, 1> urgent_places_;
  std::optional<cpu::BatchRunner> ordinary_others_;
  std::optional<cpu::BatchRunner> urgent_others_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> ordinary_;       // guarded by mutex_
  bool ordinary_running_ = false;  // guarded by mutex_
  std::deque<Job> urgent_;         // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::optional<Error> retired_;   // guarded by mutex_

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
    const std::scoped_lock lock(mutex_);
    if (stopping_)
      return Error{ErrorCode::draining, info_.name + " is stopping", "send the task elsewhere"};
    if (retired_) return *retired_;
    if (queue.size() + (ordinary_running_ ? running : 0) >= limit)
      return Error{ErrorCode::queue_full,
                   info_.name + " has " + std::to_string(limit) + " such batches already",
                   "submit the next when one completes"};
    queue.push_back(std::move(job));
  }
  wake_.notify_all();
  return {};
}

Status CudaDevice::submit(Batch batch, Completion completion) {
  return take(ordinary_, info_.queue_batches_max, 1, {std::move(batch), std::move(completion)});
}

Status CudaDevice::submit_urgent(Batch batch, Completion completion) {
  return take(urgent_, info_.urgent_batches_max, 0, {std::move(batch), std::move(completion)});
}

void CudaDevice::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  TROUPE_ASSERT(std::this_thread::get_id() != thread_.get_id(),
                "a device cannot be stopped from its own completion");
  const std::scoped_lock lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

Status CudaDevice::open() {
  auto gpu = options_.open();
  if (!gpu) return gpu.error();
  gpu_ = std::move(*gpu);
  const auto tiles = cpu::find_tiles("");
  if (!tiles) return tiles.error();
  std::vector<cpu::PackedPolicy> policies;
  for (const auto& [model, sampling] : options_.policies) {
    policies.push_back({std::make_shared<const cpu::Policy>(**tiles, model), sampling});
    act_costs_.push_back(cpu::act_cost(policies.back().policy));
  }
  ordinary_others_.emplace(**tiles, policies, options_.memory);
  urgent_others_.emplace(**tiles, policies, options_.memory);
  Stream& first = urgent_places_[0].stream;
  if (auto good = cuda::check(*gpu_, gpu_->make_stream(true, &first), "making a stream"); !good)
    return good;
  for (const auto& model : options_.models) {
    auto encoder = Encoder::open(*gpu_, first, model, options_.number);
    if (!encoder) return encoder.error();
    encoders_.push_back(std::move(*encoder));
  }
  if (auto good = open_place(urgent_places_[0], true); !good) return good;
  for (Place& place : ordinary_places_) {
    if (auto good = open_place(place, false); !good) return good;
  }
  return {};
}

Status CudaDevice::open_place(Place& place, bool urgent) {
  place.device = this;
  if (place.stream == nullptr) {
    if (auto good = cuda::check(*gpu_, gpu_->make_stream(urgent, &place.stream), "making a stream");
        !good)
      return good;
  }
  for (const auto& encoder : encoders_) {
    auto slot = EncoderSlot::open(*gpu_, place.stream, encoder);
    if (!slot) return slot.error();
    place.slots.push_back(std::move(*slot));
  }
  return cuda::check(*gpu_, gpu_->wait(place.stream), "making ready");
}

// In the order that what depends on something goes first.
void CudaDevice::close() {
  const auto free = [this](Place& place) {
    place.slots.clear();
    if (place.stream != nullptr) gpu_->free_stream(place.stream);
  };
  std::for_each(ordinary_places_.begin(), ordinary_places_.end(), free);
  std::for_each(urgent_places_.begin(), urgent_places_.end(), free);
  encoders_.clear();
  gpu_.reset();
}

void CudaDevice::run() {
  constexpr std::size_t name_max = 15;  // Linux keeps no more
  pthread_setname_np(pthread_self(), ("tr-" + info_.name).substr(0, name_max).c_str());
  const Status good = open();
  opened_.set_value(good);
  std::unique_lock lock(mutex_);
  if (!good) retired_ = good.error();
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
  const Hook yield = [this, &report] {
    {
      const std::scoped_lock lock(mutex_);
      if (urgent_.empty()) return;
    }
    const Instant from = now();
    run_urgent_waiting();
    report.yielded += now() - from;
    ++report.yields;
  };
  report.results = results_of(job.batch, ordinary_places_, yield, *ordinary_others_);
  report.finished = now();
  {
    const std::scoped_lock lock(mutex_);
    ordinary_running_ = false;
  }
  complete(job, std::move(report));
}

void CudaDevice::run_urgent_waiting() {
  for (;;) {
    Job job;
    {
      const std::scoped_lock lock(mutex_);
      if (urgent_.empty()) return;
      job = std::move(urgent_.front());
      urgent_.pop_front();
    }
    BatchReport report;
    report.id = job.batch.id;
    report.started = now();
    report.results = results_of(
        job.batch, urgent_places_, [] {}, *urgent_others_);
    report.finished = now();
    complete(job, std::move(report));
  }
}

std::vector<ItemResult> CudaDevice::results_of(const Batch& batch, std::span<Place> places,
                                               const Hook& yield, cpu::BatchRunner& others) {
  std::vector<ItemResult> results;
  const auto retire = [&](const Error& error) {
    {
      const std::scoped_lock lock(mutex_);
      retired_ = error;
    }
    results.resize(batch.items.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      results[i].task = batch.items[i].task;
      results[i].output = error;
    }
  };
  std::optional<Error> retired;
  {
    const std::scoped_lock lock(mutex_);
    retired = retired_;
  }
  if (retired) {
    retire(*retired);
    return results;
  }
  try {
    const bool encodes =
        !batch.items.empty() && std::holds_alternative<Tokens>(batch.items.front().work);
    if (!encodes) return others.run(batch, nullptr, yield);
    results.resize(batch.items.size());
    for (std::size_t i = 0; i < results.size(); ++i) results[i].task = batch.items[i].task;
    if (const auto good = encode(batch, places, yield, results); !good)
      retire({good.error().code, info_.name + ": " + good.error().what, good.error().next_step});
  } catch (const std::exception& failure) {  // out of memory, in practice; slices may be under way
    retire({ErrorCode::internal, info_.name + " gave up on a batch: " + failure.what(), ""});
  }
  return results;
}

// What is wrong with one text, if anything.
Status check_text(const Tokens& text, const BertConfig& config) {
  if (text.ids.empty())
    return Error{ErrorCode::invalid_argument, "a text without tokens", "send special tokens too"};
  if (text.ids.size() > config.tokens_max)
    return Error{ErrorCode::too_large,
                 "a text of " + std::to_string(text.ids.size()) + " tokens; the model reads " +
                     std::to_string(config.tokens_max),
                 "truncate it"};
  if (text.classify)
    return Error{ErrorCode::unsupported, "a GPU does not compute the scores of a classifier",
                 "send the task to a CPU"};
  const auto unknown = std::find_if(text.ids.begin(), text.ids.end(), [&](std::int32_t id) {
    return id < 0 || static_cast<std::uint32_t>(id) >= config.vocabulary;
  });
  if (unknown == text.ids.end()) return {};
  return Error{ErrorCode::invalid_argument,
               "token " + std::to_string(*unknown) + " is not in the model's vocabulary",
               "tokenize the text for this model"};
}

// Slice after slice, each in the place whose turn it is.
Status CudaDevice::encode(const Batch& batch, std::span<Place> places, const Hook& yield,
                          std::vector<ItemResult>& results) {
  const BertConfig& config = options_.models[batch.model.value]->config;
  const std::size_t tokens_max = EncoderSlot::tokens_max(config);
  std::size_t turn = 0;
  std::size_t next = 0;
  while (next < batch.items.size()) {
    yield();
    Place& place = places[turn++ % places.size()];
    if (auto good = finish(batch, place, yield, results); !good) return good;
    std::size_t tokens = 0;
    for (; next < batch.items.size() && place.items.size() < EncoderSlot::sequences_max; ++next) {
      const auto& text = std::get<Tokens>(batch.items[next].work);
      if (auto good = check_text(text, config); !good) {
        results[next].output = good.error();
        continue;
      }
      if (tokens + text.ids.size() > tokens_max) break;
      tokens += text.ids.size();
      place.items.push_back(next);
    }
    if (auto good = start(batch, place); !good) return good;
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (auto good = finish(batch, places[(turn + i) % places.size()], yield, results); !good)
      return good;
  }
  return {};
}

Status CudaDevice::start(const Batch& batch, Place& place) {
  if (place.items.empty()) return {};
  std::vector<std::span<const std::int32_t>> texts;
  texts.reserve(place.items.size());
  for (const auto item : place.items)
    texts.emplace_back(std::get<Tokens>(batch.items[item].work).ids);
  {
    const std::scoped_lock lock(mutex_);
    place.done = false;
  }
  const auto post = [](void* argument) {
    auto& done = *static_cast<Place*>(argument);
    {
      const std::scoped_lock lock(done.device->mutex_);
      done.done = true;
    }
    done.device->wake_.notify_all();
  };
  return place.slots[batch.model.value]->start(texts, post, &place);
}

Status CudaDevice::finish(const Batch& batch, Place& place, const Hook& yield,
                          std::vector<ItemResult>& results) {
  if (place.items.empty()) return {};
  const bool lets_in = &place != urgent_places_.data();
  for (bool done = false; !done;) {
    bool called = false;
    {
      std::unique_lock lock(mutex_);
      called = wake_.wait_for(lock, silence_max,
                              [&] { return place.done || (lets_in && !urgent_.empty()); });
      done = place.done;
    }
    if (done) break;
    if (called) yield();
    // The driver calls nobody for a device that has gone.
    const int status = gpu_->query(place.stream);
    if (status != 0 && status != Gpu::not_ready)
      return cuda::check(*gpu_, status, "waiting for a batch");
  }
  for (std::size_t i = 0; i < place.items.size(); ++i) {
    const std::size_t item = place.items[i];
    const auto& text = std::get<Tokens>(batch.items[item].work);
    const auto vector = place.slots[batch.model.value]->vector(i);
    if (std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); }))
      results[item].output = Output(Embedding{{vector.begin(), vector.end()},
                                              static_cast<std::uint32_t>(text.ids.size()),
                                              text.truncated});
    else
      results[item].output =
          Error{ErrorCode::model_damaged, "the model gave a vector that is not finite",
                "get the model again or choose another one"};
  }
  place.items.clear();
  return {};
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
