// Long requests that nobody waits for: each was answered at once with where to look (202), goes on
// while its client is away, and its answer is kept for a while once it is there.
//
// Thread-safe. Answers may be large, so they are written on a thread of its own, not on a loop that
// serves others meanwhile. Everything is kept in memory alone and goes with the node.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/result.hpp"
#include "base/time.hpp"
#include "gateway/message.hpp"

namespace troupe::gateway {

struct JobLimits {
  std::size_t jobs_max = 256;                          // of a node, kept ones included
  std::uint64_t bytes_max = std::uint64_t{512} << 20;  // of all texts and answers
  Duration kept = std::chrono::minutes(10);            // once it has ended
};

enum class JobState : std::uint8_t { working, completed, failed, canceled };

// "working"
std::string_view name(JobState state) noexcept;

struct JobFacts {
  JobState state = JobState::working;
  std::size_t texts = 0;
  std::size_t done = 0;                     // of them
  std::optional<Error> why = std::nullopt;  // of one that failed or was canceled
  bool operator==(const JobFacts& other) const noexcept {
    return state == other.state && done == other.done;
  }
};

struct JobCounts {
  std::size_t working = 0;
  std::size_t kept = 0;  // that have ended
  std::uint64_t bytes = 0;
};

class Jobs {
 public:
  using Cancel = std::function<void()>;  // on any thread
  using Write = std::function<Response()>;

  explicit Jobs(JobLimits limits);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // A new one of `texts` texts, for which `bytes` are set aside until its answer is there. Its id
  // is 128 random bits in hex. `cancel` is called at most once, while it works. Errors: queue_full.
  Result<std::string> begin(const std::string& tenant, std::size_t texts, std::uint64_t bytes,
                            Cancel cancel, Instant at);
  void progress(const std::string& id, std::size_t done);
  // It has ended. One that is gone or canceled takes no end. `write` outlives nothing but itself.
  void complete(const std::string& id, Write write);
  void fail(const std::string& id, const Error& why, Instant at);

  // None of another tenant's is ever found.
  [[nodiscard]] std::optional<JobFacts> find(const std::string& id, const std::string& tenant,
                                             Instant at);
  // The answer of one that is completed.
  [[nodiscard]] std::optional<Response> answer(const std::string& id, const std::string& tenant,
                                               Instant at);
  // One that works ends as canceled; one that has ended is forgotten. What it was before.
  std::optional<JobFacts> remove(const std::string& id, const std::string& tenant, Instant at);

  [[nodiscard]] JobCounts counts() const;
  [[nodiscard]] Duration kept() const noexcept { return limits_.kept; }

  // Nothing is written any more. Idempotent; the destructor calls it.
  void stop();

 private:
  struct Job {
    std::string tenant;
    JobFacts facts;
    std::uint64_t bytes = 0;
    Cancel cancel;
    Response response;
    Instant ended;
  };
  struct Writing {
    std::string id;
    Write write;
  };

  void run();
  void forget_old(Instant at);
  Job* find_of(const std::string& id, const std::string& tenant, Instant at);
  void end(Job& job, JobState state, std::optional<Error> why, Instant at);
  void set_bytes(Job& job, std::uint64_t bytes);

  const JobLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::string, Job> jobs_;  // by id; guarded by mutex_, as what follows
  std::uint64_t bytes_ = 0;
  std::deque<Writing> writings_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace troupe::gateway
