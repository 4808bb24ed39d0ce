#include "actors/model_shelf.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "actors/refusals.hpp"
#include "actors/wakeup.hpp"
#include "base/assert.hpp"
#include "base/clock.hpp"

namespace troupe::actors {
namespace {

using models::TextModel;

void answer(std::vector<ModelShelf::Done>&& all, const Status& with) {
  for (const auto& done : all) done(with);
}

}  // namespace

std::string_view name(ModelState state) noexcept {
  switch (state) {
    case ModelState::unloaded:
      return "unloaded";
    case ModelState::loading:
      return "loading";
    case ModelState::loaded:
      return "loaded";
    case ModelState::unloading:
      return "unloading";
  }
  return "unknown";
}

// --- jobs ----------------------------------------------------------------------------------------

void ModelShelf::Jobs::push(Job job) {
  {
    const std::lock_guard lock(mutex);
    if (stopped) return;
    queue.push_back(job);
  }
  wake.notify_one();
}

std::optional<ModelShelf::Job> ModelShelf::Jobs::pop() {
  std::unique_lock lock(mutex);
  wake.wait(lock, [this] { return stopped || !queue.empty(); });
  if (stopped) return std::nullopt;
  const Job job = queue.front();
  queue.pop_front();
  return job;
}

// --- the shelf -----------------------------------------------------------------------------------

ModelShelf::ModelShelf(std::vector<ModelSource> sources, Log& log)
    : sources_(std::move(sources)), log_(log), slots_(sources_.size()) {}

ModelShelf::~ModelShelf() {
  stop();
}

Status ModelShelf::load_at_start() {
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].on_demand) continue;
    auto text = read(ModelId{i});
    if (!text) return text.error();
    const std::lock_guard lock(mutex_);
    put(slots_[i], ModelId{i}, std::move(*text));
  }
  return {};
}

std::vector<std::shared_ptr<const TextModel>> ModelShelf::loaded() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const TextModel>> all;
  for (const Slot& slot : slots_) all.push_back(slot.model);
  return all;
}

void ModelShelf::start(std::vector<std::shared_ptr<kernels::Device>> devices,
                       std::function<void(ModelId)> told) {
  devices_ = std::move(devices);
  told_ = std::move(told);
  thread_ = std::thread([this] { run(); });
}

void ModelShelf::stop() {
  close();
  if (thread_.joinable()) thread_.join();
}

void ModelShelf::close() {
  {
    const std::lock_guard lock(jobs_->mutex);
    jobs_->stopped = true;
  }
  jobs_->wake.notify_one();
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (Slot& slot : slots_)
      for (auto* list : {&slot.wanted, &slot.unwanted}) {
        std::move(list->begin(), list->end(), std::back_inserter(waiting));
        list->clear();
      }
  }
  answer(std::move(waiting), draining_error());
}

Result<ModelShelf::Taken> ModelShelf::take(std::string_view name) const {
  const auto id = find(name);
  if (!id) return id.error();
  const std::lock_guard lock(mutex_);
  const Slot& slot = slots_[id->value];
  if (slot.state == ModelState::loaded) return Taken{*id, slot.model, slot.lease};
  if (slot.failure)
    return Error{slot.failure->code, slot.failure->what,
                 "when that is mended: troupe model load " + std::string(name)};
  return Error{ErrorCode::model_missing,
               "model '" + std::string(name) + "' is " + std::string(actors::name(slot.state)) +
                   " on this node",
               "troupe model load " + std::string(name)};
}

std::optional<ModelId> ModelShelf::to_wait_for(std::string_view name) const {
  const auto id = find(name);
  if (!id || !sources_[id->value].on_demand) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const Slot& slot = slots_[id->value];
  if (slot.state == ModelState::loaded || slot.failure) return std::nullopt;
  return *id;
}

void ModelShelf::load(ModelId model, Done done) {
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[model.value];
  if (stopped_) {
    lock.unlock();
    return done(draining_error());
  }
  if (slot.state == ModelState::loaded) {
    lock.unlock();
    return done({});
  }
  if (slot.state == ModelState::unloading) {
    if (auto lease = slot.leases.lock()) {
      slot.lease = std::move(lease);
      slot.state = ModelState::loaded;
      auto unwanted = std::exchange(slot.unwanted, {});
      lock.unlock();
      answer(std::move(unwanted),
             Error{ErrorCode::canceled, "model '" + name(model) + "' was asked for again and stays",
                   "unload it when nobody needs it"});
      return done({});
    }
  }
  slot.wanted.push_back(std::move(done));
  if (slot.state != ModelState::unloaded) return;  // it comes, or it is on its way out
  slot.state = ModelState::loading;
  slot.failure.reset();
  jobs_->push({model, true});
}

void ModelShelf::unload(ModelId model, Done done) {
  for (const auto& device : devices_)
    if (!device->takes_models())
      return done(Error{ErrorCode::unsupported,
                        device->info().name + " keeps the models that it was opened with",
                        "leave the model out of the cluster's file, and start the node again"});
  std::shared_ptr<const void> lease;  // let go without the lock
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[model.value];
  if (stopped_ || slot.state == ModelState::unloaded) {
    const Status status = stopped_ ? Status(draining_error()) : Status();
    lock.unlock();
    return done(status);
  }
  slot.unwanted.push_back(std::move(done));
  if (slot.state != ModelState::loaded) return;  // it goes already, or as soon as it has come
  slot.state = ModelState::unloading;
  lease = std::move(slot.lease);
  lock.unlock();
}

Result<ModelId> ModelShelf::find(std::string_view name) const {
  for (std::uint32_t i = 0; i < sources_.size(); ++i)
    if (sources_[i].name == name) return ModelId{i};
  return missing(name);
}

std::vector<ModelFacts> ModelShelf::facts() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelFacts> all;
  for (std::size_t i = 0; i < slots_.size(); ++i)
    all.push_back({sources_[i].name, slots_[i].width, slots_[i].state,
                   slots_[i].failure ? slots_[i].failure->what : ""});
  return all;
}

Error ModelShelf::missing(std::string_view name) const {
  std::string names;
  for (const auto& one : sources_) names += (names.empty() ? "" : ", ") + one.name;
  return {ErrorCode::model_missing, "there is no model '" + std::string(name) + "' here",
          names.empty() ? "this node has no models" : "this node has: " + names};
}

// --- its thread ----------------------------------------------------------------------------------

void ModelShelf::run() {
  name_thread("models");
  while (const auto job = jobs_->pop()) job->load ? load_now(job->model) : let_go(job->model);
}

void ModelShelf::load_now(ModelId model) {
  auto text = bring(model);
  const Status good = text ? Status() : Status(text.error());
  std::vector<Done> wanted;
  std::shared_ptr<const void> lease;
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[model.value];
  wanted = std::exchange(slot.wanted, {});
  std::vector<Done> unwanted;
  if (!good) {
    slot.state = ModelState::unloaded;
    slot.failure = good.error();
    unwanted = std::exchange(slot.unwanted, {});
  } else {
    put(slot, model, std::move(*text));
  }
  lock.unlock();
  answer(std::move(wanted), good);
  answer(std::move(unwanted), {});
  lock.lock();
  // Somebody did not want it while it came; those who waited for it have had their turn.
  if (!slot.unwanted.empty() && slot.state == ModelState::loaded) {
    slot.state = ModelState::unloading;
    lease = std::move(slot.lease);
  }
  lock.unlock();
}

void ModelShelf::let_go(ModelId model) {
  for (const auto& device : devices_) device->unload(model);
  std::shared_ptr<const TextModel> text;
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[model.value];
  TROUPE_ASSERT(slot.state == ModelState::unloading, "a lease of a model that does not go");
  text = std::move(slot.model);
  slot.state = ModelState::unloaded;
  auto unwanted = std::exchange(slot.unwanted, {});
  const bool again = !slot.wanted.empty();
  if (again) slot.state = ModelState::loading;
  lock.unlock();
  text.reset();
  log_.info("a model is unloaded", {{"model", name(model)}});
  answer(std::move(unwanted), {});
  if (again) jobs_->push({model, true});
}

// From the disk to every device.
Result<std::shared_ptr<const TextModel>> ModelShelf::bring(ModelId model) {
  Result<std::shared_ptr<const TextModel>> text = Error{};
  try {
    text = read(model);
    for (std::size_t i = 0; text && i < devices_.size(); ++i)
      if (auto taken = devices_[i]->load(model, (*text)->bert, precision(model)); !taken)
        text = taken.error();
  } catch (const std::exception& failure) {  // no memory, in practice
    text = Error{ErrorCode::internal,
                 "model '" + name(model) + "' cannot be loaded: " + failure.what(),
                 "unload another one, or give the node more memory"};
  }
  if (!text) {
    for (const auto& device : devices_) device->unload(model);
    log_.error("a model cannot be loaded", text.error());
  } else {
    told_(model);  // before anybody has work for it
  }
  return text;
}

Result<std::shared_ptr<const TextModel>> ModelShelf::read(ModelId model) const {
  const ModelSource& source = sources_[model.value];
  const Instant begin = now();
  log_.info("loading a model", {{"model", source.name},
                                {"number", model.value + 1},
                                {"of", sources_.size()},
                                {"folder", source.folder}});
  auto text = models::load_text_model(source.folder);
  if (!text)
    return Error{text.error().code, "model '" + source.name + "': " + text.error().what,
                 text.error().next_step};
  log_.info("a model is loaded", {{"model", source.name},
                                  {"labels", (*text)->bert->config.labels},
                                  {"took_ms", static_cast<double>((now() - begin).count()) / 1e6}});
  return text;
}

// Under the lock.
void ModelShelf::put(Slot& slot, ModelId model, std::shared_ptr<const TextModel> text) {
  slot.width = text->bert->config.width;
  slot.model = std::move(text);
  slot.state = ModelState::loaded;
  slot.failure.reset();
  slot.lease = std::shared_ptr<const void>(
      static_cast<const void*>(this), [jobs = jobs_, model](const void*) { jobs->push({model}); });
  slot.leases = slot.lease;
}

}  // namespace troupe::actors
