// The door of the node's devices: where a task is checked, sized, admitted and sent to its lane.
//
// Everything about a request that can be wrong is found here, once, before anybody waits for it.
// Admission is a counter per lane in front of the mailboxes, which CAF leaves unbounded.
// Thread-safe: agents on the pool and the bridge submit at the same time.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/accounts.hpp"
#include "actors/dispatcher.hpp"
#include "actors/model_shelf.hpp"
#include "actors/reply.hpp"
#include "actors/task_spans.hpp"
#include "kernels/memory.hpp"
#include "kernels/policy.hpp"

namespace troupe::actors {

struct NamedPolicy {
  std::string name;
  kernels::ServedPolicy policy;
};

struct DoorOptions {
  std::vector<NamedPolicy> policies;  // by the ModelId of act
  std::shared_ptr<const kernels::MemoryStore> memory;
  tracing::Tracer* tracer = nullptr;  // outlives it; without it no trace begins here
};

class Door {
 public:
  // At most so many tasks wait for models that are loaded on demand.
  static constexpr std::size_t waiting_max = 4096;

  // `shelf`, `dispatcher` and `stats` outlive it, and the shelf has stopped when it goes; once the
  // dispatcher has stopped, everything is refused as draining.
  Door(DoorOptions options, ModelShelf& shelf, Dispatcher& dispatcher, Stats& stats)
      : options_(std::move(options)), shelf_(shelf), dispatcher_(dispatcher), stats_(stats) {}

  // On success exactly one outcome goes to `reply`, later. A task whose model is loaded on demand
  // waits for it, its time limit running; what is wrong with it, it then has for its outcome. On
  // an error none goes there. `request.id` must
  // be unique among the node's tasks; `known_as` is the id by which whoever asked knows it, none if
  // it is the same. Errors: invalid_argument, malformed, too_large, model_missing, queue_full,
  // expired (a time limit of zero), draining.
  Status submit(TaskRequest request, ReplyTo reply, TaskId known_as = {});

  // The task's outcome will be `canceled`, unless it is done already.
  void cancel(TaskId task);

  // As Dispatcher::look(), and of a task that waits for its model.
  void look(TaskId task, Looking how, OnFound found);

  // Somebody urgent waits for it: it is urgent from now on, and wanted by `deadline`.
  void raise(TaskId task, Instant deadline);

  [[nodiscard]] Busyness busyness(Instant now) const { return dispatcher_.busyness(now); }

  [[nodiscard]] const Accounts& accounts() const noexcept { return accounts_; }

 private:
  struct Checked {
    scheduler::Kind kind;
    std::uint32_t units = 1;
    kernels::DeviceWork work;
  };
  // A task that its model has not come for yet.
  struct Early {
    TaskRequest request;
    ReplyTo reply;
    TaskId known_as;
    Instant submitted;
    bool admitting = false;  // it is on its way to the dispatcher
    bool canceled = false;   // meanwhile
  };
  Status take(TaskRequest&& request, ReplyTo&& reply, TaskId known_as);
  Status admit(TaskRequest& request, ReplyTo& reply, TaskId known_as, Instant submitted);
  Status wait_for(ModelId model, Early&& task);
  void model_came(TaskId id, const Status& loaded);
  [[nodiscard]] Result<Checked> check(TaskRequest& request) const;
  [[nodiscard]] Result<Checked> check_text(const std::string& model, const std::string& text,
                                           bool classify) const;
  [[nodiscard]] Result<Checked> check_recall(Recall& recall) const;
  [[nodiscard]] Result<Checked> check_act(TaskRequest& request, Act& act) const;

  DoorOptions options_;
  ModelShelf& shelf_;
  Dispatcher& dispatcher_;
  Stats& stats_;
  Accounts accounts_;

  std::mutex mutex_;
  std::unordered_map<TaskId, Early> early_;  // guarded by mutex_
};

}  // namespace troupe::actors
