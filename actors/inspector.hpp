// The node's control verbs about single tasks:
//
//   task ID     where the task is and in what state (live_task.hpp)
//   cancel ID   the same, as it was when it was canceled: its outcome will be `canceled`, unless it
//               has one; "canceled" says whether it had none
//   explain ID  how it came to its outcome (explain.hpp)
//
// Only `cancel` changes anything. Answers are JSON; not_found for what this node does not know,
// invalid_argument for what is no id.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "actors/bridge.hpp"
#include "actors/door.hpp"
#include "actors/explanations.hpp"
#include "actors/model_shelf.hpp"
#include "actors/world.hpp"

namespace troupe::actors {

class Inspector {
 public:
  using Devices = std::vector<std::shared_ptr<kernels::Device>>;

  // All outlive it, and so does the dispatcher's thread.
  Inspector(const World& world, const Explanations& explanations, const ModelShelf& shelf,
            const std::vector<NamedPolicy>& policies, const Devices& devices)
      : world_(world),
        explanations_(explanations),
        shelf_(shelf),
        policies_(policies),
        devices_(devices) {}

  [[nodiscard]] static bool knows(std::string_view verb) noexcept;

  // Of a verb that it knows; at once or on the dispatcher's thread.
  void answer(std::string_view verb, const std::string& body, ControlAnswer answer) const;

 private:
  void look(TaskId task, Looking how, ControlAnswer answer) const;
  [[nodiscard]] Result<std::string> tell(TaskId task, Looking how,
                                         const std::optional<LiveTask>& live,
                                         const Exchange::Whereabouts& known) const;
  [[nodiscard]] Result<std::string> explain(TaskId task) const;
  [[nodiscard]] std::string explanation_of(const Explanation& one) const;
  [[nodiscard]] std::string model_of(scheduler::Kind kind) const;

  const World& world_;
  const Explanations& explanations_;
  const ModelShelf& shelf_;
  const std::vector<NamedPolicy>& policies_;
  const Devices& devices_;
};

}  // namespace troupe::actors
