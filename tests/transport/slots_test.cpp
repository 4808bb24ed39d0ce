#include "transport/slots.hpp"

#include <memory>
#include <thread>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::transport;
using Claim = Slots::Claim;

TEST_CASE("only an open and writable peer is written to") {
  const auto slots = std::make_unique<Slots>();
  CHECK(slots->claim({0}, Lane::urgent, 1, 100) == Claim::unreachable);
  CHECK(slots->claim({77}, Lane::urgent, 1, 100) == Claim::unreachable);
  const PeerId peer = slots->open(true);
  CHECK(peer.value != 0);
  CHECK(slots->claim(peer, Lane::urgent, 1, 100) == Claim::granted);
  slots->set_writable(peer, false);
  CHECK(slots->claim(peer, Lane::urgent, 1, 100) == Claim::unreachable);
  slots->set_writable(peer, true);
  slots->close(peer);
  CHECK(slots->claim(peer, Lane::urgent, 1, 100) == Claim::unreachable);
}

TEST_CASE("a backlog of ordinary bytes never refuses an urgent message") {
  const auto slots = std::make_unique<Slots>();
  const PeerId peer = slots->open(true);
  CHECK(slots->claim(peer, Lane::ordinary, 60, 100) == Claim::granted);
  CHECK(slots->claim(peer, Lane::ordinary, 60, 100) == Claim::full);
  CHECK(slots->claim(peer, Lane::ordinary, 40, 100) == Claim::granted);
  CHECK(slots->claim(peer, Lane::ordinary, 1, 100) == Claim::full);
  CHECK(slots->claim(peer, Lane::urgent, 60, 100) == Claim::granted);
  slots->release(peer, Lane::ordinary, 60);
  CHECK(slots->claim(peer, Lane::ordinary, 60, 100) == Claim::granted);
  CHECK(slots->claimed(peer, Lane::ordinary) == 100);
}

TEST_CASE("a message over the bound is let through when nothing else waits") {
  const auto slots = std::make_unique<Slots>();
  const PeerId peer = slots->open(true);
  CHECK(slots->claim(peer, Lane::ordinary, 500, 100) == Claim::granted);
  CHECK(slots->claim(peer, Lane::ordinary, 1, 100) == Claim::full);
}

TEST_CASE("an id that outlived its peer reaches nobody, not the slot's next owner") {
  const auto slots = std::make_unique<Slots>();
  std::vector<PeerId> peers;
  for (std::size_t i = 0; i < Slots::peers_max; ++i) peers.push_back(slots->open(true));
  CHECK(slots->open(true).value == 0);
  const PeerId old = peers[5];
  slots->close(old);
  const PeerId next = slots->open(true);
  REQUIRE(next.value != 0);
  CHECK(next.value % Slots::peers_max == old.value % Slots::peers_max);
  CHECK(slots->claim(old, Lane::urgent, 1, 100) == Claim::unreachable);
  slots->close(old);
  CHECK(slots->claim(next, Lane::urgent, 1, 100) == Claim::granted);
}

TEST_CASE("a peer's backlog is what is claimed and what its owner says, and another's is none") {
  const auto slots = std::make_unique<Slots>();
  const PeerId peer = slots->open(true);
  CHECK(slots->claim(peer, Lane::urgent, 10, 100) == Claim::granted);
  CHECK(slots->claim(peer, Lane::ordinary, 20, 100) == Claim::granted);
  slots->set_flow(peer, 30, 40);
  slots->set_flow(PeerId{peer.value + Slots::peers_max}, 50, 60);
  const LinkBacklog backlog = slots->backlog(peer);
  CHECK(backlog.waiting == std::array<std::uint64_t, lane_count>{10, 20});
  CHECK(backlog.on_its_way == 30);
  CHECK(backlog.window == 40);
  for (const PeerId stranger : {PeerId{}, PeerId{peer.value + Slots::peers_max}})
    CHECK(slots->backlog(stranger).window == 0);
}

TEST_CASE("claims from many threads never exceed the bound by more than they hold", "[mailbox]") {
  const auto slots = std::make_unique<Slots>();
  const PeerId peer = slots->open(true);
  constexpr std::uint64_t bound = 1000;
  std::atomic<std::uint64_t> held{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (slots->claim(peer, Lane::ordinary, 300, bound) != Claim::granted) continue;
        if (held.fetch_add(300) + 300 > bound) over = true;
        held.fetch_sub(300);
        slots->release(peer, Lane::ordinary, 300);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(!over);
  CHECK(slots->claimed(peer, Lane::ordinary) == 0);
}
