// A task that has no outcome yet, as whoever asks after it by its id finds it: the answers of the
// control verbs "task" and "cancel".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "actors/explanations.hpp"
#include "scheduler/task.hpp"

namespace troupe::actors {

enum class Looking : std::uint8_t { only, cancel };

struct LiveTask {
  scheduler::TaskRecord record;  // units are 0 while it waits for its model
  TaskId known_as;               // by whoever asked; on the node itself it is record.id
  bool raised = false;
  bool canceled = false;  // before; it runs, and its result will be dropped
  struct Running {
    WorkerId worker;
    Instant since;
    std::size_t batch_tasks = 0;
  };
  std::optional<Running> running;    // otherwise it is queued,
  std::optional<std::string> model;  // or waits for this model to be loaded
};
using OnFound = std::function<void(const std::optional<LiveTask>&)>;

// A task of this node's own that another node has or is to get.
struct OnItsWay {
  Instant submitted;
  Instant deadline = never;
  std::optional<Lane> lane;
  std::string model;
  std::string node;       // the one that has it, was offered it, or is waited for
  bool offered = false;   // no word yet whether it took it
  bool accepted = false;  // it has
};

struct LiveNames {  // what a task's numbers stand for on this node
  std::string node;
  std::string model;
  std::string tenant;
  std::string workflow;
  std::string worker;  // empty: it does not run
  std::string from;    // the node or client that gave the task; empty: this node itself
};

// As JSON objects; Looking::cancel adds "canceled": whether there was anything left to cancel.
std::string to_json(const LiveTask& task, TaskId asked, Instant now, const LiveNames& names,
                    Looking how);
std::string to_json(const OnItsWay& task, TaskId asked, Instant now, const std::string& node,
                    Looking how);
// Of a task that has its outcome. `explanation` is that of explain.hpp, a JSON object.
std::string to_json(const Explanation& one, TaskId asked, const std::string& node,
                    const std::string& explanation, Looking how);

}  // namespace troupe::actors
