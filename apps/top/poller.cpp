#include "apps/top/poller.hpp"

#include <pthread.h>

#include <algorithm>

#include "base/clock.hpp"

namespace troupe::apps {
namespace {

constexpr Duration connect_limit = std::chrono::seconds(3);  // of all nodes, at the start
constexpr Duration answer_limit_min = std::chrono::milliseconds(200);
constexpr Duration answer_limit_max = std::chrono::seconds(1);

}  // namespace

Poller::Poller(Client& client, std::vector<std::string> nodes, Duration interval)
    : client_(client),
      nodes_(std::move(nodes)),
      interval_(interval),
      answer_limit_(std::clamp(interval / 2, answer_limit_min, answer_limit_max)),
      thread_([this] { run(); }) {}

Poller::~Poller() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::optional<std::vector<Look>> Poller::next(Duration limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return newest_.has_value(); });
  return std::exchange(newest_, std::nullopt);
}

void Poller::run() {
  ::pthread_setname_np(::pthread_self(), "tr-top");
  const Instant connected_by = now() + connect_limit;
  for (Instant next = now();; next = std::max(later(next, interval_), now())) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, next - now(), [this] { return stopping_.load(); })) return;
    }
    std::vector<Look> looks;
    for (const auto& node : nodes_) {
      if (stopping_) return;
      looks.push_back(
          look_at(node, std::clamp(connected_by - now(), Duration::zero(), answer_limit_max)));
    }
    const std::lock_guard lock(mutex_);
    newest_ = std::move(looks);
    changed_.notify_all();
  }
}

Look Poller::look_at(const std::string& node, Duration limit) {
  Look look{node, std::nullopt, ""};
  const auto up = client_.wait_connected(node, limit);
  const auto answer = up ? client_.control(node, "status", "", answer_limit_) : up.error();
  if (!answer) {
    look.error = answer.error().what;
    return look;
  }
  auto sample = read_sample(*answer);
  if (sample)
    look.sample = std::move(*sample);
  else
    look.error = sample.error().what;
  return look;
}

}  // namespace troupe::apps
