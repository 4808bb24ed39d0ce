// The text encoders of a node: those that the config names, which of them are loaded, and the
// thread that loads and unloads them while the node works.
//
// One is loaded when the node starts, or by the first task that needs it ("demand"), or because
// somebody asks for it. When one is to go, no further task gets it, those that have it run to their
// end, and then its weights are freed: each of them holds a lease (Tokens::keeps), and the last one
// to be let go says so.
//
// Thread-safe. Callbacks come without a lock, on the shelf's thread or at once on the caller's.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/id.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "models/text_model.hpp"

namespace troupe::actors {

struct ModelSource {
  std::string name;
  std::string folder;                                      // a Hugging Face folder
  kernels::Precision precision = kernels::Precision::f32;  // on CPU devices; no other knows bf16
  bool on_demand = false;  // loaded by the first task that needs it, not when the node starts
};

enum class ModelState : std::uint8_t { unloaded, loading, loaded, unloading };
[[nodiscard]] std::string_view name(ModelState state) noexcept;

struct ModelFacts {
  std::string name;
  std::uint32_t width = 0;  // of its vectors; zero until it has been loaded once
  ModelState state = ModelState::loaded;
  std::string failure = {};  // why the last attempt to load it failed; empty: it did not
};

class ModelShelf {
 public:
  // Status: whether it is loaded now, or gone now.
  using Done = std::function<void(const Status&)>;
  struct Taken {
    ModelId id;
    std::shared_ptr<const models::TextModel> model;
    std::shared_ptr<const void> lease;
  };

  // `log` outlives it.
  ModelShelf(std::vector<ModelSource> sources, Log& log);
  ~ModelShelf();

  // Loads those that are not on demand, on this thread, before start().
  Status load_at_start();
  // By ModelId; null where it is not loaded.
  [[nodiscard]] std::vector<std::shared_ptr<const models::TextModel>> loaded() const;
  // What runs them. `told` is called whenever a model has come to the devices.
  void start(std::vector<std::shared_ptr<kernels::Device>> devices,
             std::function<void(ModelId)> told);
  // Whoever waits is answered with draining, now and from here on.
  void close();
  // The same; and returns when a load that runs has ended. Idempotent.
  void stop();

  // The model for one task. Errors: model_missing, also for one that is not loaded.
  [[nodiscard]] Result<Taken> take(std::string_view name) const;
  // One that is loaded on demand, is not there and did not fail to come: a task for it should wait.
  [[nodiscard]] std::optional<ModelId> to_wait_for(std::string_view name) const;

  // One that is to go and is asked for again stays, if a task still has it; then whoever wanted it
  // gone is told so as canceled. Errors: those of load_text_model(), unsupported (a device that
  // takes no models), draining, internal (no memory).
  void load(ModelId model, Done done);
  void unload(ModelId model, Done done);
  [[nodiscard]] Result<ModelId> find(std::string_view name) const;

  [[nodiscard]] std::vector<ModelFacts> facts() const;  // by ModelId
  [[nodiscard]] const std::string& name(ModelId model) const { return sources_[model.value].name; }
  [[nodiscard]] std::size_t size() const noexcept { return sources_.size(); }
  [[nodiscard]] kernels::Precision precision(ModelId model) const {
    return sources_[model.value].precision;
  }

 private:
  struct Slot {
    ModelState state = ModelState::unloaded;
    std::shared_ptr<const models::TextModel> model;
    std::shared_ptr<const void> lease;  // while it is loaded
    std::weak_ptr<const void> leases;   // while somebody has one
    std::vector<Done> wanted;           // by those who wait until it is loaded
    std::vector<Done> unwanted;         // until it is gone
    std::uint32_t width = 0;
    std::optional<Error> failure;
  };
  struct Job {
    ModelId model;
    bool load = false;  // else its last lease has been let go
  };
  // Outlives the shelf, as tasks may.
  struct Jobs {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Job> queue;
    bool stopped = false;
    void push(Job job);
    std::optional<Job> pop();  // waits; none: stopped
  };

  void run();
  void load_now(ModelId model);
  void let_go(ModelId model);
  Result<std::shared_ptr<const models::TextModel>> read(ModelId model) const;
  Result<std::shared_ptr<const models::TextModel>> bring(ModelId model);
  void put(Slot& slot, ModelId model, std::shared_ptr<const models::TextModel> text);
  [[nodiscard]] Error missing(std::string_view name) const;

  const std::vector<ModelSource> sources_;  // by ModelId
  Log& log_;
  std::vector<std::shared_ptr<kernels::Device>> devices_;
  std::function<void(ModelId)> told_;
  std::shared_ptr<Jobs> jobs_ = std::make_shared<Jobs>();

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;  // by ModelId; guarded by mutex_
  bool stopped_ = false;     // guarded by mutex_

  std::thread thread_;
};

}  // namespace troupe::actors
