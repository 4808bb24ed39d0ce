// The librarians: a library is put on the shelves of hundreds of librarian agents through the
// ordinary lane while readers ask questions with a deadline through the urgent lane. This file
// drives one pass over a running cluster, from outside, as any client could.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "base/result.hpp"
#include "bench/librarians/library.hpp"
#include "bench/librarians/questions.hpp"
#include "client/client.hpp"

namespace troupe::bench {

struct ScenarioOptions {
  std::vector<std::string> nodes;  // of the cluster
  std::string model;
  std::uint32_t librarians = 300;
  std::uint32_t readers = 20;
  std::uint32_t window = 512;                                 // documents on their way at a time
  Duration question_period = std::chrono::milliseconds(250);  // of each reader
  Duration time_limit = std::chrono::milliseconds(50);        // of each answer
  std::uint32_t hits = 10;
  std::uint64_t questions_min = 200;  // the pass lasts until so many were answered, too
  Duration silence_max = std::chrono::seconds(60);  // of the cluster, then the pass fails
};

struct Progress {
  std::size_t shelved = 0;
  std::size_t documents = 0;
  double documents_per_second = 0;
  std::uint64_t questions = 0;
  std::uint64_t missed = 0;
  Duration urgent_p99{};
};

// What one pass showed.
struct LoadReport {
  std::size_t documents = 0;
  std::size_t failed = 0;     // documents that could not be shelved, for other reasons than load
  std::size_t truncated = 0;  // longer than the model reads
  std::uint64_t resent = 0;   // refused as queue_full and sent again
  std::uint64_t tokens = 0;
  Duration took{};             // of the shelving
  DurationHistogram ordinary;  // per document, in its librarian: submission to outcome
  DurationHistogram urgent;    // per answered question, in its reader: due to merged answer
  std::uint64_t questions = 0;
  std::uint64_t missed = 0;                            // not answered, or not within the time limit
  std::map<std::uint32_t, std::uint64_t> batch_tasks;  // ordinary lane, all nodes
  std::uint64_t yields = 0;
  std::map<std::string, std::string> first_errors;  // one example per code
};

// One question after the load, with nothing else going on.
struct AnswerReport {
  std::size_t question = 0;
  Duration latency{};
  std::string error;
  std::vector<std::pair<std::size_t, float>> hits;  // document's index in the library, score
  std::size_t rank = 0;                             // of the expected document; 0: not among them
};

class Scenario {
 public:
  // All outlive it. `interrupted` ends a pass early, as an error.
  Scenario(const ScenarioOptions& options, const Library& library,
           const std::vector<Question>& questions, const std::atomic<bool>& interrupted);

  // Tells its progress every `pace`. Errors: unreachable after silence_max, canceled when
  // interrupted, what the agents report when their protocol breaks.
  Result<LoadReport> run_load(Client& client, Duration pace,
                              const std::function<void(const Progress&)>& on_progress);

  // Asks every question once on the shelves that run_load left.
  Result<std::vector<AnswerReport>> ask_all(Client& client);

 private:
  struct Pass;

  [[nodiscard]] AgentId librarian_of(std::size_t document) const;
  [[nodiscard]] AgentId reader(std::uint32_t number) const;
  Status shelve(Client& client, std::size_t document) const;
  Status start_readers(Client& client) const;
  Status rest_readers(Client& client) const;
  Status take(Pass& pass, const Letter& mail) const;
  Status add_node_counts(Client& client, LoadReport& report) const;

  const ScenarioOptions& options_;
  const Library& library_;
  const std::vector<Question>& questions_;
  const std::atomic<bool>& interrupted_;
};

}  // namespace troupe::bench
