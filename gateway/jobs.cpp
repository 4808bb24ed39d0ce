#include "gateway/jobs.hpp"

#include <pthread.h>

#include <array>
#include <random>
#include <utility>

#include "base/clock.hpp"

namespace troupe::gateway {
namespace {

// Whoever has a job's id may see it where no keys are asked for, so none can be guessed.
std::string random_id() {
  std::random_device random;
  std::string id;
  for (int word = 0; word < 4; ++word) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::uint32_t bits = random();
    for (unsigned shift = 0; shift < 32; shift += 4) id += digits[(bits >> shift) & 15U];
  }
  return id;
}

}  // namespace

std::string_view name(JobState state) noexcept {
  constexpr std::array<std::string_view, 4> names = {"working", "completed", "failed", "canceled"};
  return names[static_cast<std::size_t>(state)];
}

Jobs::Jobs(JobLimits limits) : limits_(limits) {
  writer_ = std::thread([this] { run(); });
}

Jobs::~Jobs() {
  stop();
}

void Jobs::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (writer_.joinable()) writer_.join();
}

void Jobs::run() {
  ::pthread_setname_np(::pthread_self(), "http-jobs");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !writings_.empty(); });
    if (stopping_) return;
    Writing writing = std::move(writings_.front());
    writings_.pop_front();
    lock.unlock();
    Response response = writing.write();
    writing.write = nullptr;  // its rows go here, not under the lock
    lock.lock();
    const auto found = jobs_.find(writing.id);
    if (found == jobs_.end() || found->second.facts.state != JobState::working) continue;
    Job& job = found->second;
    job.response = std::move(response);
    set_bytes(job, job.response.body.size());
    end(job, JobState::completed, std::nullopt, now());
  }
}

Result<std::string> Jobs::begin(const std::string& tenant, std::size_t texts, std::uint64_t bytes,
                                Cancel cancel, Instant at) {
  const std::lock_guard lock(mutex_);
  forget_old(at);
  const bool many = jobs_.size() >= limits_.jobs_max;
  if (many || bytes_ + bytes > limits_.bytes_max)
    return Error{ErrorCode::queue_full,
                 many ? "the node has as many jobs as it may have"
                      : "the jobs that are here have as much memory as they may have",
                 "DELETE those whose answers you have, or retry later"};
  std::string id = random_id();
  Job& job = jobs_[id];
  job.tenant = tenant;
  job.facts.texts = texts;
  job.cancel = std::move(cancel);
  set_bytes(job, bytes);
  return id;
}

void Jobs::progress(const std::string& id, std::size_t done) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found != jobs_.end() && found->second.facts.state == JobState::working)
    found->second.facts.done = done;
}

void Jobs::complete(const std::string& id, Write write) {
  {
    const std::lock_guard lock(mutex_);
    if (!jobs_.contains(id)) return;
    writings_.push_back({id, std::move(write)});
  }
  changed_.notify_one();
}

void Jobs::fail(const std::string& id, const Error& why, Instant at) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.facts.state != JobState::working) return;
  set_bytes(found->second, 0);
  end(found->second, JobState::failed, why, at);
}

void Jobs::end(Job& job, JobState state, std::optional<Error> why, Instant at) {
  job.facts.state = state;
  job.facts.why = std::move(why);
  job.ended = at;
  job.cancel = nullptr;
}

void Jobs::set_bytes(Job& job, std::uint64_t bytes) {
  bytes_ -= std::exchange(job.bytes, bytes);
  bytes_ += bytes;
}

void Jobs::forget_old(Instant at) {
  std::erase_if(jobs_, [&](const auto& entry) {
    const Job& job = entry.second;
    if (job.facts.state == JobState::working || at - job.ended < limits_.kept) return false;
    bytes_ -= job.bytes;
    return true;
  });
}

Jobs::Job* Jobs::find_of(const std::string& id, const std::string& tenant, Instant at) {
  forget_old(at);
  const auto found = jobs_.find(id);
  return found != jobs_.end() && found->second.tenant == tenant ? &found->second : nullptr;
}

std::optional<JobFacts> Jobs::find(const std::string& id, const std::string& tenant, Instant at) {
  const std::lock_guard lock(mutex_);
  const Job* job = find_of(id, tenant, at);
  return job == nullptr ? std::nullopt : std::optional(job->facts);
}

std::optional<Response> Jobs::answer(const std::string& id, const std::string& tenant, Instant at) {
  const std::lock_guard lock(mutex_);
  const Job* job = find_of(id, tenant, at);
  if (job == nullptr || job->facts.state != JobState::completed) return std::nullopt;
  return job->response;
}

std::optional<JobFacts> Jobs::remove(const std::string& id, const std::string& tenant, Instant at) {
  Cancel cancel;
  JobFacts before;
  {
    const std::lock_guard lock(mutex_);
    Job* job = find_of(id, tenant, at);
    if (job == nullptr) return std::nullopt;
    before = job->facts;
    set_bytes(*job, 0);
    if (before.state == JobState::working) {
      cancel = std::move(job->cancel);
      end(*job, JobState::canceled,
          Error{ErrorCode::canceled, "the job was deleted while it worked", ""}, at);
    } else {
      jobs_.erase(id);
    }
  }
  if (cancel) cancel();
  return before;
}

JobCounts Jobs::counts() const {
  const std::lock_guard lock(mutex_);
  JobCounts counts;
  counts.bytes = bytes_;
  for (const auto& [id, job] : jobs_)
    ++(job.facts.state == JobState::working ? counts.working : counts.kept);
  return counts;
}

}  // namespace troupe::gateway
