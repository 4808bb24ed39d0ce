// Asks every node for its status once an interval, on a thread of its own, so that a node that is
// slow or gone keeps neither the screen nor the keys waiting.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/top/view.hpp"
#include "base/time.hpp"
#include "client/client.hpp"

namespace troupe::apps {

class Poller {
 public:
  // Starts the thread, which alone uses `client` until the end; it outlives the poller.
  Poller(Client& client, std::vector<std::string> nodes, Duration interval);
  // Returns when the answer that is waited for has come or is given up, within a second.
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // A look at each node, in their order, once there is a newer one than the last call had; the
  // newest.
  std::optional<std::vector<Look>> next(Duration limit);

 private:
  void run();
  [[nodiscard]] Look look_at(const std::string& node, Duration limit);

  Client& client_;
  const std::vector<std::string> nodes_;
  const Duration interval_;
  const Duration answer_limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::vector<Look>> newest_;  // guarded by mutex_
  std::atomic<bool> stopping_{false};        // set with mutex_ held
  std::thread thread_;
};

}  // namespace troupe::apps
