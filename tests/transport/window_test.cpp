// The window on simulated links: a bottleneck that passes so many bytes a second, a queue in front
// of it, the way there and the way back, and a receiver that says now and then what has come.
#include "transport/window.hpp"

#include <algorithm>
#include <deque>
#include <queue>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t frame_bytes = 64 << 10;

class Path {
 public:
  Path(double bytes_per_s, Duration one_way) : bytes_per_s_(bytes_per_s), one_way_(one_way) {}

  // The receiver's thread, or ours, gets round to a word only after a while: up to so long.
  void busy(Duration up_to) { busy_ = up_to; }

  void set(double bytes_per_s, Duration one_way) {
    bytes_per_s_ = bytes_per_s;
    one_way_ = one_way;
  }

  struct Seen {
    double bytes_per_s = 0;
    std::uint64_t queued_max = 0;  // bytes before the bottleneck, of the second half
  };

  // A sender that always has more. What is received counts from the first half on.
  Seen run(Duration length) {
    const Instant end = now_ + length;
    const Instant half = now_ + length / 2;
    Seen seen;
    std::uint64_t received_at_half = 0;
    bool in_second_half = false;
    while (now_ < end) {
      while (window_.takes(window_.part_bytes())) send(window_.part_bytes());
      step();
      if (now_ >= half && !std::exchange(in_second_half, true)) received_at_half = received_;
      if (in_second_half) seen.queued_max = std::max(seen.queued_max, queued());
    }
    seen.bytes_per_s = static_cast<double>(received_ - received_at_half) * 1e9 /
                       static_cast<double>((end - half).count());
    return seen;
  }

  [[nodiscard]] std::uint64_t bytes() const { return window_.bytes(); }

 private:
  struct Event {
    Instant at;
    bool arrival = false;     // else a word of the receiver's
    std::uint64_t bytes = 0;  // that arrive, or that the word is about
    std::uint64_t number = 0;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  void send(std::uint64_t bytes) {
    window_.sent(now_, bytes);
    free_at_ = std::max(free_at_, now_) + passing(bytes);
    arrives_at_ = std::max(arrives_at_, free_at_ + one_way_);  // nothing overtakes, if it shortens
    events_.push({arrives_at_, true, bytes, events_ever_++});
  }

  void step() {
    REQUIRE(!events_.empty());  // or it would wait for ever
    const Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    if (!event.arrival) {
      REQUIRE(window_.received(now_, event.bytes));
      return;
    }
    received_ += event.bytes;
    if (received_ - said_ < Window::unsaid_bytes_max) return;
    said_ = received_;
    const auto late = busy_ == Duration::zero()
                          ? busy_
                          : Duration(random_.below(static_cast<std::uint64_t>(busy_.count())));
    word_arrives_at_ = std::max(word_arrives_at_, now_ + one_way_ + late);
    events_.push({word_arrives_at_, false, said_, events_ever_++});
  }

  [[nodiscard]] Duration passing(std::uint64_t bytes) const {
    return Duration{static_cast<Duration::rep>(static_cast<double>(bytes) * 1e9 / bytes_per_s_)};
  }
  [[nodiscard]] std::uint64_t queued() const {
    const double ns = static_cast<double>(std::max(Duration::zero(), free_at_ - now_).count());
    return static_cast<std::uint64_t>(ns / 1e9 * bytes_per_s_);
  }

  double bytes_per_s_;
  Duration one_way_;
  Duration busy_{};
  Random random_{1};
  Window window_;
  Instant now_{1h};
  Instant free_at_{};
  Instant arrives_at_{};
  Instant word_arrives_at_{};
  std::uint64_t received_ = 0;
  std::uint64_t said_ = 0;
  std::uint64_t events_ever_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace

TEST_CASE("a window fills links slow and fast, near and far, and their queues hardly") {
  for (const double bytes_per_s : {1.25e6, 12.5e6, 125e6, 1250e6})
    for (const Duration one_way : {Duration(20us), Duration(1ms), Duration(10ms)}) {
      Path path(bytes_per_s, one_way);
      const auto seen = path.run(5s);
      INFO(bytes_per_s << " bytes/s, " << one_way.count() << " ns one way");
      CHECK(seen.bytes_per_s > 0.97 * bytes_per_s);
      const double product = bytes_per_s * 2 * static_cast<double>(one_way.count()) / 1e9;
      CHECK(static_cast<double>(seen.queued_max) <=
            std::max(static_cast<double>(Window::bytes_min), 1.6 * product + 3.0 * frame_bytes));
    }
}

TEST_CASE("a window does not grow on its own queue, however long it stands") {
  Path path(125e6, 10ms);
  path.run(2s);
  const auto bytes = path.bytes();
  const auto seen = path.run(120s);
  CHECK(path.bytes() < bytes * 5 / 4);
  CHECK(seen.bytes_per_s > 0.97 * 125e6);  // what looking anew costs is within that
}

TEST_CASE("a window is no smaller because processors are busy") {
  Path path(400e6, 50us);
  path.run(1s);
  path.busy(4ms);
  path.run(2s);
  CHECK(path.run(5s).bytes_per_s > 0.9 * 400e6);
}

TEST_CASE("a window follows a link that becomes slower, faster, longer and shorter") {
  Path path(125e6, 5ms);
  path.run(2s);
  struct Change {
    double bytes_per_s;
    Duration one_way;
  };
  for (const auto& [bytes_per_s, one_way] :
       {Change{12.5e6, 5ms}, {125e6, 5ms}, {125e6, 20ms}, {125e6, 1ms}, {1.25e6, 1ms}}) {
    path.set(bytes_per_s, one_way);
    const auto seen = path.run(30s);
    INFO(bytes_per_s << " bytes/s, " << one_way.count() << " ns one way");
    CHECK(seen.bytes_per_s > 0.93 * bytes_per_s);
    const double product = bytes_per_s * 2 * static_cast<double>(one_way.count()) / 1e9;
    CHECK(static_cast<double>(path.bytes()) <
          std::max(1.01 * Window::bytes_min, 1.6 * product + 3.0 * frame_bytes));
  }
}

TEST_CASE("a window believes no word that cannot be true") {
  Window window;
  CHECK(window.received(Instant(1s), 0));
  CHECK_FALSE(window.received(Instant(1s), 1));
  const auto bytes = window.bytes();
  window.sent(Instant(1s), 1000);
  CHECK_FALSE(window.received(Instant(2s), 1001));
  CHECK(window.received(Instant(2s), 600));
  CHECK_FALSE(window.received(Instant(2s), 599));
  CHECK(window.received(Instant(2s), 1000));
  CHECK(window.outstanding() == 0);
  CHECK(window.bytes() == bytes);
}

TEST_CASE("a window takes a frame that is larger than itself when nearly nothing is on its way") {
  Window window;
  CHECK(window.takes(std::uint64_t{1} << 30));
  window.sent(Instant(1s), Window::unsaid_bytes_max);
  CHECK(window.takes(std::uint64_t{1} << 30));
  window.sent(Instant(1s), 1);
  CHECK_FALSE(window.takes(std::uint64_t{1} << 30));
  const std::uint64_t room = window.bytes() - window.outstanding();
  CHECK(window.takes(room));
  CHECK_FALSE(window.takes(room + 1));
}

TEST_CASE("a window whose peer answers at once, at no time at all, stays within its bounds") {
  Window window;
  std::uint64_t total = 0;
  for (int i = 0; i < 10'000; ++i) {
    while (window.takes(frame_bytes)) {
      window.sent(Instant(1s), frame_bytes);
      total += frame_bytes;
      REQUIRE(window.outstanding() <= Window::bytes_max);
    }
    REQUIRE(window.received(Instant(1s), total));
  }
}
