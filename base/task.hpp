// A task, as the people who send one see it: what to compute, how soon, and what came of it.
//
// Every room speaks in these words: agents submit TaskRequests, the link carries them, the
// scheduler sees their fixed-size record (scheduler/task.hpp), devices run their work, and whoever
// asked gets exactly one TaskOutcome for each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/id.hpp"
#include "base/lane.hpp"
#include "base/launch.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "base/trace.hpp"

namespace troupe {

// Turn a text into one vector of the model's width. UTF-8; text over the model's limit in tokens is
// cut there, as sentence encoders do, and the outcome says so (Embedding::truncated).
struct Encode {
  std::string text;
  bool operator==(const Encode&) const = default;
};

// The `k` documents, or all where there are fewer, nearest to `query` by cosine, over the memories
// that `scope` names on the node that runs the task: one agent's ("librarian/017") or all of a type
// ("librarian/*").
struct Recall {
  std::string scope;
  std::vector<float> query;
  std::uint32_t k = 10;
  bool operator==(const Recall&) const = default;
};

// Which action a policy takes on what an agent observes. What is random about it depends on the
// policy's seed, `agent` and `step`, and on nothing else: the same action whatever the batch and
// the lane, and on every node whose processors have the same instructions.
struct Act {
  std::vector<float> observation;  // of the policy's width, finite
  std::string agent;               // who decides ("game/7"); empty: who asked (TaskRequest::agent)
  std::uint64_t step = 0;          // how often it has acted before; below 2^48
  bool operator==(const Act&) const = default;
};

// How a model that was tuned to classify scores each of its labels on a text, which is read as by
// Encode.
struct Classify {
  std::string text;
  bool operator==(const Classify&) const = default;
};

using Work = std::variant<Encode, Recall, Act, Classify>;

struct Embedding {
  std::vector<float> vector;  // unit length
  std::uint32_t tokens = 0;   // computed, special tokens included
  bool truncated = false;     // the text was longer than the model reads
  bool operator==(const Embedding&) const = default;
};

struct Hit {
  std::string memory;          // the agent that owns the document ("librarian/017")
  std::uint64_t document = 0;  // the number under which it was remembered
  float score = 0;             // cosine, -1 to 1
  bool operator==(const Hit&) const = default;
};

struct Hits {
  std::vector<Hit> hits;  // best first; equal scores by document number
  bool operator==(const Hits&) const = default;
};

struct Action {
  std::uint32_t number = 0;  // below the policy's count of actions
  bool operator==(const Action&) const = default;
};

struct Scores {
  std::vector<float> logits;        // as the model gives them: what they mean, its training says
  std::vector<std::string> labels;  // their names, as many
  std::uint32_t tokens = 0;         // as in Embedding
  bool truncated = false;
  bool operator==(const Scores&) const = default;
};

using Output = std::variant<Embedding, Hits, Action, Scores>;

struct TaskRequest {
  TaskId id;
  std::string model;  // of a model, or for Act of a policy, in the config; Recall needs none
  std::string tenant = "default";
  std::string workflow;  // of the tenant's work, the part that shares fairly with the others
  std::string agent;     // who asked ("reader/3"); empty for a client
  Work work;
  std::optional<Lane> lane;            // unset: the scheduler decides by laxity
  std::optional<Duration> time_limit;  // from now; on the wire a relative TTL, never a wall clock
  // Of its outcome, against the other tasks': where not all can be in time, the light ones are
  // late. Above 0, at most limits::task_weight_max.
  float weight = 1;
  Trace trace{};  // what it is done for; none unless somebody traces
};

// Where the time went, and why. All measured on the node that ran the task, but `network`, which
// the submitting node adds. queue + batch_wait + compute is the time from admission to the result.
struct Timing {
  Duration queue{};       // from admission until a device could have taken it
  Duration batch_wait{};  // from then to the launch: it waited for company
  Duration compute{};     // from the launch to the result, time given to urgent work included
  Duration predicted{};   // what the scheduler thought that its batch would take of the device
  Duration network{};     // round trip minus the remote node's share
  std::uint32_t batch_tasks = 0;  // how many tasks shared the launch
  Lane lane = Lane::ordinary;     // the lane that carried it
  Entry entry = Entry::in_turn;
  LaunchReason reason = LaunchReason::none;
  bool operator==(const Timing&) const = default;
};

struct TaskOutcome {
  TaskId id;
  Result<Output> result = Error{};
  Timing timing;
};

}  // namespace troupe
