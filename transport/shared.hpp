// What the sending threads and the owner of the sockets share: the mailbox between them, the slots
// that bound it, and the counters. Everything in here may be touched from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "transport/allow_list.hpp"
#include "transport/link.hpp"
#include "transport/mailbox.hpp"
#include "transport/slots.hpp"
#include "transport/socket.hpp"

namespace troupe::transport {

// One message as frames, on its way out.
struct OutMessage {
  Frame head;
  std::optional<Frame> tensor;
  std::uint64_t claim_bytes = 0;  // to release once ZeroMQ has taken it
  std::size_t sent = 0;           // bytes of the head that have left in parts

  [[nodiscard]] std::size_t bytes() const noexcept {
    return head.bytes().size() + (tensor ? tensor->bytes().size() : 0);
  }
};

struct SendCommand {
  PeerId peer;
  Lane lane = Lane::ordinary;
  OutMessage message;
};

struct ConnectCommand {
  PeerId peer;
  std::array<std::string, lane_count> addresses;
  std::vector<PublicKey> server_keys;
  std::optional<Error> refused;  // the caller's endpoint or key was wrong: say so in on_down
};

struct DisconnectCommand {
  PeerId peer;
};

struct RekeyCommand {
  PeerId peer;
  std::vector<PublicKey> server_keys;
};

struct OwnKeysCommand {
  KeyPair keys;
};

struct AllowCommand {
  AllowList allowed;
};

struct StopCommand {
  Duration linger{};
};

using Command = std::variant<SendCommand, ConnectCommand, DisconnectCommand, RekeyCommand,
                             OwnKeysCommand, AllowCommand, StopCommand>;

struct AtomicCounters {
  std::atomic<std::uint64_t> messages_sent{0};
  std::atomic<std::uint64_t> messages_received{0};
  std::atomic<std::uint64_t> malformed{0};
  std::atomic<std::uint64_t> ignored{0};
  std::atomic<std::uint64_t> unauthorized{0};
  std::atomic<std::uint64_t> undeliverable{0};
};

struct Shared {
  Mailbox<Command> mailbox;
  Slots slots;
  AtomicCounters counters;
};

inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace troupe::transport
