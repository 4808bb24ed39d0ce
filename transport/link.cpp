// The public face of the link: checks what callers give, encodes on their threads, and hands the
// rest to the owner of the sockets (owner.hpp).
#include "transport/link.hpp"

#include <zmq.h>

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "transport/address.hpp"
#include "transport/check.hpp"
#include "transport/owner.hpp"
#include "transport/wire.hpp"

namespace troupe::transport {
namespace {

// What a message costs beside its bytes, so that a flood of tiny ones is bounded too.
constexpr std::uint64_t message_overhead_bytes = 256;

constexpr Duration destructor_linger = std::chrono::milliseconds(100);

Error stopped() {
  return {ErrorCode::unreachable, "the link is stopped", ""};
}

// From here on a copy costs more than handing ZeroMQ the bytes themselves. Those stay claimed until
// they have left the process.
Frame make_frame(std::string bytes, const std::shared_ptr<Shared>& shared, PeerId peer, Lane lane,
                 std::uint64_t& claim_bytes) {
  if (bytes.size() < tensor_frame_bytes_min) return Frame::copy(bytes);
  const std::uint64_t size = bytes.size();
  claim_bytes -= size;
  // Weakly: the frame may lie in the very mailbox that it would keep alive.
  return Frame::hold(std::move(bytes), [weak = std::weak_ptr(shared), peer, lane, size] {
    if (const auto kept = weak.lock()) kept->slots.release(peer, lane, size);
  });
}

Status check_options(const LinkOptions& options) {
  if (::zmq_has("curve") == 0)
    return Error{ErrorCode::unsupported, "this machine's libzmq was built without CURVE",
                 "install the distribution's libzmq5"};
  if (auto valid = check(Hello{options.name, 0, 0}); !valid) return valid;
  if (auto valid = check_keys(options.keys); !valid) return valid;
  if (options.heartbeat_interval < std::chrono::milliseconds(1) ||
      options.heartbeat_interval > std::chrono::hours(1) || options.heartbeats_missed_max == 0)
    return Error{ErrorCode::config, "heartbeats must come every 1ms to 1h, and one may be missed",
                 "leave [link] heartbeat_interval and heartbeats_missed_max at their defaults"};
  if (options.listen && options.listen->urgent_port == options.listen->ordinary_port)
    return Error{ErrorCode::config,
                 "both lanes have port " + std::to_string(options.listen->urgent_port),
                 "give urgent_port and ordinary_port different numbers"};
  return {};
}

Status check_server_keys(const std::vector<PublicKey>& keys) {
  if (keys.empty())
    return Error{ErrorCode::invalid_argument, "no key of the server is given",
                 "give its .pub file's"};
  for (const auto& key : keys)
    if (auto valid = parse_public_key(key.z85); !valid) return valid.error();
  return {};
}

class ZmqLink final : public Link {
 public:
  ZmqLink(std::unique_ptr<Owner> owner, std::shared_ptr<Shared> shared,
          std::uint64_t outbox_bytes_max)
      : shared_(std::move(shared)),
        outbox_bytes_max_(outbox_bytes_max),
        thread_([owned = std::move(owner)]() mutable {
          owned->run();
          owned.reset();  // here, so that whoever joins has waited for what lingers
        }) {}

  ~ZmqLink() override { ZmqLink::stop(destructor_linger); }

  PeerId connect(const Endpoint& endpoint, std::vector<PublicKey> server_keys) override {
    const PeerId peer = stopped_.load() ? PeerId{} : shared_->slots.open(true);
    if (peer.value == 0) return peer;
    ConnectCommand command{peer, {}, {}, {}};
    if (auto valid = check_server_keys(server_keys); !valid) command.refused = valid.error();
    command.server_keys = std::move(server_keys);
    for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
      const auto port = lane == Lane::urgent ? endpoint.urgent_port : endpoint.ordinary_port;
      auto address = connect_address(endpoint.host, port);
      if (address)
        command.addresses[static_cast<std::size_t>(lane)] = std::move(*address);
      else
        command.refused = address.error();
    }
    shared_->mailbox.push(std::move(command));
    return peer;
  }

  void disconnect(PeerId peer) override { shared_->mailbox.push(DisconnectCommand{peer}); }

  Status rekey(PeerId peer, std::vector<PublicKey> server_keys) override {
    if (auto valid = check_server_keys(server_keys); !valid) return valid;
    shared_->mailbox.push(RekeyCommand{peer, std::move(server_keys)});
    return {};
  }

  Status rekey(KeyPair own) override {
    if (auto valid = check_keys(own); !valid) return valid;
    shared_->mailbox.push(OwnKeysCommand{std::move(own)});
    return {};
  }

  Status allow(const std::vector<AllowedKey>& allowed) override {
    auto list = AllowList::make(allowed);
    if (!list) return list.error();
    shared_->mailbox.push(AllowCommand{std::move(*list)});
    return {};
  }

  Status send(PeerId peer, Lane lane, const Message& message) override {
    if (stopped_.load(std::memory_order_relaxed)) return stopped();
    if (std::holds_alternative<Hello>(message) || std::holds_alternative<Heartbeat>(message))
      return Error{ErrorCode::invalid_argument, "hellos and heartbeats are the link's own", ""};
    auto frames = encode(message);
    if (!frames) return frames.error();
    if (std::max(frames->head.size(), frames->tensor.size()) > limits::frame_bytes_max)
      return Error{ErrorCode::too_large,
                   "a message of " + std::to_string(frames->bytes()) + " bytes is over a frame's " +
                       std::to_string(limits::frame_bytes_max),
                   ""};

    std::uint64_t claim = frames->bytes() + message_overhead_bytes;
    switch (shared_->slots.claim(peer, lane, claim, outbox_bytes_max_)) {
      case Slots::Claim::granted:
        break;
      case Slots::Claim::full:
        return Error{ErrorCode::queue_full,
                     std::to_string(outbox_bytes_max_) + " bytes already wait for this peer",
                     "send again when it has caught up"};
      case Slots::Claim::unreachable:
        return Error{ErrorCode::unreachable, "this peer is down or unknown", ""};
    }
    OutMessage out;
    out.head = make_frame(std::move(frames->head), shared_, peer, lane, claim);
    if (!frames->tensor.empty())
      out.tensor = make_frame(std::move(frames->tensor), shared_, peer, lane, claim);
    out.claim_bytes = claim;
    shared_->mailbox.push(SendCommand{peer, lane, std::move(out)});
    return {};
  }

  [[nodiscard]] LinkCounters counters() const override {
    const AtomicCounters& c = shared_->counters;
    return {.messages_sent = c.messages_sent.load(),
            .messages_received = c.messages_received.load(),
            .malformed = c.malformed.load(),
            .ignored = c.ignored.load(),
            .unauthorized = c.unauthorized.load(),
            .undeliverable = c.undeliverable.load()};
  }

  [[nodiscard]] LinkBacklog backlog(PeerId peer) const override {
    return shared_->slots.backlog(peer);
  }

  void stop(Duration linger) override {
    TROUPE_ASSERT(std::this_thread::get_id() != thread_.get_id(),
                  "a callback of the link does not stop it");
    const std::lock_guard lock(stopping_);
    if (!thread_.joinable()) return;
    stopped_.store(true);
    shared_->mailbox.push(StopCommand{linger});
    thread_.join();
  }

 private:
  std::shared_ptr<Shared> shared_;
  const std::uint64_t outbox_bytes_max_;
  std::atomic<bool> stopped_{false};
  std::mutex stopping_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Link>> Link::open(LinkOptions options, LinkEvents events) {
  if (auto valid = check_options(options); !valid) return valid.error();
  auto shared = std::make_shared<Shared>();
  if (!shared->mailbox.works())
    return Error{ErrorCode::io, "no file descriptor is left for the link's mailbox",
                 "raise the limit of open files (ulimit -n)"};
  const std::uint64_t outbox_bytes_max = options.outbox_bytes_max;
  auto owner = Owner::make(std::move(options), std::move(events), shared);
  if (!owner) return owner.error();
  try {
    return std::unique_ptr<Link>(
        std::make_unique<ZmqLink>(std::move(*owner), std::move(shared), outbox_bytes_max));
  } catch (const std::system_error& error) {
    return Error{ErrorCode::io, std::string("no further thread: ") + error.what(),
                 "raise the limit of processes (ulimit -u)"};
  }
}

}  // namespace troupe::transport
