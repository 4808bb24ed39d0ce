// Who watches something live, on one loop of the server: each gets server-sent events, one at once
// and then whenever there is something new, until it leaves, reads too slowly, or has had the last
// one. While nobody watches, nothing runs.
//
// What is new is asked for at an interval rather than told: whoever makes the news is then not
// slowed down by those who watch.
//
// Everything on the loop's thread. All loops together have at most as many streams as the shared
// count allows, so that watching never takes the connections that work needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "gateway/server.hpp"

namespace troupe::gateway {

inline constexpr std::uint32_t event_streams_max = 64;  // of a node

struct Event {
  std::string text;   // as it goes out, but for the blank line that ends it: "data: {}"
  bool last = false;  // the stream ends with it
};

// What there is to tell now; nothing where that is what was told last. Something when it is asked
// for the first time. `round` is the same for all who are asked at one time.
using NextEvent = std::function<std::optional<Event>(std::uint64_t round)>;

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
  std::uint32_t open_max_ = event_streams_max;
  std::atomic<std::uint32_t> open_{0};
};

class EventStreams {
 public:
  // Runs something on the loop's thread, later.
  using After = std::function<void(Duration delay, std::function<void()> work)>;

  // `count` outlives it, as what `after` refers to does.
  EventStreams(Duration interval, After after, StreamCount& count);
  ~EventStreams();
  EventStreams(const EventStreams&) = delete;
  EventStreams& operator=(const EventStreams&) = delete;

  // One more, for which the count has given room. `head` begins its answer.
  void add(const std::shared_ptr<Exchange>& exchange, Response&& head, NextEvent next);

  // Ends every stream, after the piece that is on its way.
  void finish();

 private:
  struct Stream {
    std::shared_ptr<Exchange> exchange;
    NextEvent next;
    std::optional<Event> unsent;  // the piece before it is on its way still
  };

  void tick();
  void end(std::uint64_t number);

  const Duration interval_;
  After after_;
  StreamCount& count_;
  std::map<std::uint64_t, Stream> streams_;
  std::uint64_t begun_ = 0;
  std::uint64_t round_ = 0;
  bool ticking_ = false;
};

}  // namespace troupe::gateway
