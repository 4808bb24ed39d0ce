#include "transport/mailbox.hpp"

#include <poll.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/catch.hpp"

using troupe::transport::Mailbox;

namespace {

bool rings(const Mailbox<int>& mailbox) {
  pollfd item{mailbox.descriptor(), POLLIN, 0};
  return ::poll(&item, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a mailbox hands things over in order and rings only when it was empty") {
  Mailbox<int> mailbox;
  REQUIRE(mailbox.works());
  CHECK(mailbox.empty());
  CHECK(!rings(mailbox));
  mailbox.push(1);
  CHECK(rings(mailbox));
  mailbox.clear();
  mailbox.push(2);
  mailbox.push(3);
  CHECK(!rings(mailbox));
  std::vector<int> got;
  mailbox.drain([&](int&& thing) { got.push_back(thing); });
  CHECK(got == std::vector<int>{1, 2, 3});
  CHECK(mailbox.empty());
  mailbox.push(4);
  CHECK(rings(mailbox));
}

TEST_CASE("what is left in a mailbox is destroyed with it") {
  const auto watched = std::make_shared<int>(1);
  {
    Mailbox<std::shared_ptr<int>> mailbox;
    mailbox.push(watched);
    mailbox.push(watched);
    CHECK(watched.use_count() == 3);
  }
  CHECK(watched.use_count() == 1);
}

TEST_CASE("a reader that sleeps on the descriptor misses nothing of four writers", "[mailbox]") {
  constexpr int writers = 4;
  constexpr int each = 20'000;
  Mailbox<int> mailbox;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer)
    threads.emplace_back([&, writer] {
      for (int i = 0; i < each; ++i) mailbox.push(writer * each + i);
    });
  std::vector<int> next(writers, 0);
  bool in_order = true;
  for (int got = 0; got < writers * each;) {
    pollfd item{mailbox.descriptor(), POLLIN, 0};
    REQUIRE(::poll(&item, 1, 30'000) == 1);
    mailbox.clear();
    mailbox.drain([&](int&& thing) {
      const auto writer = static_cast<std::size_t>(thing / each);
      in_order = in_order && thing % each == next[writer];
      ++next[writer];
      ++got;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(in_order);
  CHECK(next == std::vector<int>(writers, each));
}
