// Who watches the node live, on one loop of the server: each gets the node's status as a
// server-sent event, at once and then every second, until it leaves, reads too slowly, or the node
// goes away. While nobody watches, nothing runs.
//
// Everything on the loop's thread. All loops together have at most as many streams as the shared
// count allows, so that watching never takes the connections that work needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "gateway/server.hpp"

namespace troupe::gateway {

inline constexpr std::uint32_t status_streams_max = 64;  // of a node
inline constexpr Duration status_interval = std::chrono::seconds(1);

struct StatusSource {
  std::function<std::string()> status;                                    // JSON on one line
  std::function<void(Duration delay, std::function<void()> work)> after;  // on the loop's thread
};

// Of all loops; thread-safe.
class StreamCount {
 public:
  void limit(std::uint32_t open_max) { open_max_ = open_max; }

  // Room for one more; false when there are as many as there may be.
  bool take() {
    if (open_.fetch_add(1) < open_max_) return true;
    open_.fetch_sub(1);
    return false;
  }
  void give_back(std::size_t streams) { open_.fetch_sub(static_cast<std::uint32_t>(streams)); }

 private:
  std::uint32_t open_max_ = status_streams_max;
  std::atomic<std::uint32_t> open_{0};
};

class StatusStreams {
 public:
  // `count` outlives it, as what `source` refers to does.
  StatusStreams(StatusSource source, StreamCount& count);
  ~StatusStreams();
  StatusStreams(const StatusStreams&) = delete;
  StatusStreams& operator=(const StatusStreams&) = delete;

  // One more, for which the count has given room. `head` begins its answer.
  void add(const std::shared_ptr<Exchange>& exchange, Response&& head);

  // Ends every stream, after the piece that is on its way.
  void finish();

 private:
  void tick();
  void gone(std::uint64_t number);

  StatusSource source_;
  StreamCount& count_;
  std::map<std::uint64_t, std::shared_ptr<Exchange>> streams_;
  std::uint64_t begun_ = 0;
  bool ticking_ = false;
};

}  // namespace troupe::gateway
