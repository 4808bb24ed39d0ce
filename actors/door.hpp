// The door of the node's devices: where a task is checked, sized, admitted and sent to its lane.
//
// Everything about a request that can be wrong is found here, once, before anybody waits for it.
// Admission is a counter per lane in front of the mailboxes, which CAF leaves unbounded.
// Thread-safe: agents on the pool and the bridge submit at the same time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/accounts.hpp"
#include "actors/dispatcher.hpp"
#include "actors/reply.hpp"
#include "kernels/memory.hpp"
#include "kernels/policy.hpp"
#include "models/text_model.hpp"

namespace troupe::actors {

struct NamedModel {
  std::string name;
  std::shared_ptr<const models::TextModel> model;
};

struct NamedPolicy {
  std::string name;
  kernels::ServedPolicy policy;
};

struct DoorOptions {
  std::vector<NamedModel> models;     // by the ModelId of encode
  std::vector<NamedPolicy> policies;  // by the ModelId of act
  std::shared_ptr<const kernels::MemoryStore> memory;
};

class Door {
 public:
  // `dispatcher` outlives it; once that has stopped, everything is refused as draining.
  Door(DoorOptions options, Dispatcher& dispatcher)
      : options_(std::move(options)), dispatcher_(dispatcher) {}

  // On success exactly one outcome goes to `reply`, later. On an error none does. `request.id` must
  // be unique among the node's tasks; `known_as` is the id by which whoever asked knows it, none if
  // it is the same. Errors: invalid_argument, malformed, too_large, model_missing, queue_full,
  // expired (a time limit of zero), draining.
  Status submit(TaskRequest request, ReplyTo reply, TaskId known_as = {});

  // The task's outcome will be `canceled`, unless it is done already.
  void cancel(TaskId task) { dispatcher_.cancel(task); }

  // Somebody urgent waits for it: it is urgent from now on, and wanted by `deadline`.
  void raise(TaskId task, Instant deadline) { dispatcher_.raise(task, deadline); }

  [[nodiscard]] Busyness busyness(Instant now) const { return dispatcher_.busyness(now); }

  [[nodiscard]] const Accounts& accounts() const noexcept { return accounts_; }

 private:
  struct Checked {
    scheduler::Kind kind;
    std::uint32_t units = 1;
    kernels::DeviceWork work;
  };
  [[nodiscard]] Result<Checked> check(TaskRequest& request) const;
  [[nodiscard]] Result<Checked> check_text(const std::string& model, const std::string& text,
                                           bool classify) const;
  [[nodiscard]] Result<Checked> check_recall(Recall& recall) const;
  [[nodiscard]] Result<Checked> check_act(TaskRequest& request, Act& act) const;

  DoorOptions options_;
  Dispatcher& dispatcher_;
  Accounts accounts_;
};

}  // namespace troupe::actors
