// The thread that owns the link's sockets: it waits for all of them and for the mailbox, and in
// each turn takes what senders left, answers handshakes, receives, keeps the timers and sends.
//
// Urgent goes first everywhere. On the way out every urgent message leaves before the next ordinary
// one; on the way in urgent sockets are looked at again after every few ordinary messages. Nothing
// blocks: a peer that does not take its messages keeps them in its own queue and holds up nobody.
// Each turn has a budget, so that no socket can keep the loop from the others.
//
// Made on the caller's thread (so that errors of opening can be told), then run() on its own.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "transport/framing.hpp"
#include "transport/guests.hpp"
#include "transport/liveness.hpp"
#include "transport/shared.hpp"
#include "transport/window.hpp"
#include "transport/zap.hpp"

namespace troupe::transport {

class Owner {
 public:
  // Binds what is to be bound. Errors: those of Link::open().
  static Result<std::unique_ptr<Owner>> make(LinkOptions options, LinkEvents events,
                                             std::shared_ptr<Shared> shared);
  ~Owner();

  // Until a StopCommand has been carried out. Sockets are closed when it returns; the destructor
  // then waits for what lingers.
  void run();

 private:
  // A connection that we opened; its sockets are replaced whenever the conversation breaks.
  struct Dial {
    std::array<std::string, lane_count> addresses;
    std::vector<PublicKey> server_keys;     // at least one
    std::size_t trying = 0;                 // which of them
    std::size_t first = 0;                  // where the round began in which all are tried
    std::array<Socket, lane_count> breaks;  // tell when the connections break; outlive them
    std::array<Socket, lane_count> sockets;
    std::array<bool, lane_count> broken{};  // they did; what came before is still to be read
    std::uint64_t connection = 0;
    Instant reopen_at;
    std::uint32_t malformed = 0;
  };

  // What flows between us and a peer that announced `framing`, over the life of one conversation.
  struct Flow {
    bool framing = false;
    Window window;               // what may be on its way to it on the ordinary lane
    bool starved = false;        // something waits until the window takes it
    std::uint64_t received = 0;  // bytes that came on the ordinary lane
    std::uint64_t told = 0;      // of these, what it was told of
    bool owing = false;          // stands in owing_
    std::array<Reassembly, lane_count> parts;
  };

  struct Peer {
    Peer(PeerId peer, const Liveness& liveness) : id(peer), life(liveness) {}

    PeerId id;
    PeerInfo info;
    Liveness life;
    std::unique_ptr<Dial> dial;                  // we opened it, or:
    std::array<std::string, lane_count> routes;  // it opened it, and this is the way back
    std::array<std::deque<OutMessage>, lane_count> waiting;
    std::array<bool, lane_count> ready{};    // stands in ready_
    std::array<bool, lane_count> blocked{};  // its socket took no more
    std::array<bool, lane_count> ended{};    // it said that nothing comes there any more
    bool writable = true;                    // up, or connecting for the first time
    Flow flow;
  };

  // A socket with something to read: that of a dialed peer, or (0) a door.
  struct Source {
    std::uint64_t peer = 0;
    Lane lane = Lane::urgent;
  };

  Owner(LinkOptions options, LinkEvents events, std::shared_ptr<Shared> shared, AllowList allowed);

  // owner.cpp: the loop, the clockwork, coming and going.
  void turn();
  void wait();
  void watch(Socket& socket, Source source, bool writable);
  void watch_breaks();
  void take_breaks(std::size_t first);
  [[nodiscard]] long wait_ms() const;
  [[nodiscard]] bool finished() const;
  void finish();
  void take_commands();
  void accept(SendCommand&& command);
  void accept(ConnectCommand&& command);
  void accept(const DisconnectCommand& command);
  void accept(const StopCommand& command);
  void keep_time();
  void keep_time(Peer& peer);
  void dial(Peer& peer);
  void hang_up_broken();
  void drop_lost();
  void hang_up(Peer& peer, const Error& why, Duration reopen_after, bool tell);
  void close_dialed(Peer& peer, int linger_ms);
  void drop(Peer& peer, const Error& why);
  void end(Peer& peer, Lane lane);
  static Error closed_by(const Peer& peer);
  void discard(Peer& peer);
  void set_writable(Peer& peer, bool writable);
  Peer& add_peer(PeerId id);
  [[nodiscard]] Liveness fresh_liveness() const;

  // changing.cpp: keys that change.
  void accept(AllowCommand&& command);
  void accept(RekeyCommand&& command);
  void accept(OwnKeysCommand&& command);
  void expect(Peer& peer, std::vector<PublicKey> keys, bool at_once);
  void try_other_key(Peer& peer);

  // receive.cpp: what comes in.
  void receive();
  bool receive_one(const Source& source);
  void receive_urgent(const std::vector<Source>& sources);
  Socket* socket_of(const Source& source);
  void open_frames(Peer* peer, Lane lane, std::size_t first, bool oversized);
  void from_guest(Lane lane, bool oversized);
  void from_guest(const Guests::Caller& caller, Result<Message>&& message);
  void from_dialed(Peer& peer, Lane lane, Result<Message>&& message);
  bool deliver(Peer& peer, Message&& message);
  void admit(const Guests::Caller& caller, const Hello& hello, const Guests::Answer& answer);
  void obey(const Guests::Caller& caller, const Guests::Answer& answer);
  void dialed_hello(Peer& peer, const Hello& hello);
  void dialed_malformed(Peer& peer, const Error& why);

  // flow.cpp: how much is on its way.
  void came(Peer& peer, Lane lane, std::size_t bytes);
  static bool is_starved(Peer& peer);
  void has_left(Peer& peer, Lane lane, std::size_t bytes);
  void show_flow(const Peer& peer);
  bool told(Peer& peer, std::uint64_t received);
  void tell_received();

  // send.cpp: what goes out.
  static OutMessage own_words(const Message& message);
  void flush();
  void flush_urgent();
  bool flush_one_ordinary();
  bool flush_peer(Peer& peer, Lane lane, std::size_t frames_max);
  Socket::Sent send_next(Peer& peer, Lane lane);
  static bool goes_in_parts(const Peer& peer, const OutMessage& message);
  Socket::Sent send_part(Peer& peer);
  Socket::Sent send_shared(Peer& peer, Lane lane);
  void pop(Peer& peer, Lane lane, Socket::Sent outcome);
  Socket::Sent transmit(Peer& peer, Lane lane, OutMessage& message);
  void mark_ready(Peer& peer, Lane lane);
  void say_hello(Peer& peer);
  void answer_hello(Lane lane, const std::string& route, std::uint64_t connection);
  void beat(Peer& peer);
  void say_last(Peer& peer);
  void take_gone();

  LinkOptions options_;
  LinkEvents events_;
  std::shared_ptr<Shared> shared_;
  AllowList allowed_;
  std::uint64_t epoch_;

  Context context_{static_cast<int>(lane_count)};
  std::optional<Zap> zap_;
  std::array<Socket, lane_count> doors_;
  Guests guests_;
  std::unordered_map<std::uint64_t, Peer> peers_;
  std::vector<std::uint64_t> dialed_;  // those of peers_ that we opened

  Instant now_{};
  Instant next_due_ = never;
  Instant next_sweep_ = never;
  std::optional<Instant> stop_at_;

  std::array<std::deque<std::uint64_t>, lane_count> ready_;  // peers with messages to send
  std::size_t waiting_ = 0;                                  // messages in all queues
  std::uint64_t frames_sent_ = 0;
  bool more_to_send_ = false;         // the budget ended, not the messages
  std::vector<Source> gone_;          // found out while sending
  std::vector<Source> lost_;          // of these, the guests
  std::vector<std::uint64_t> owing_;  // peers to be told how much of theirs has come

  std::vector<zmq_pollitem_t> items_;
  std::vector<Source> sources_;  // of items_, from the second or third on
  std::vector<Source> watched_;  // those whose breaks are the last of items_
  bool any_broken_ = false;
  std::array<std::vector<Source>, lane_count> readable_;
  std::vector<Source> urgent_sources_;  // all of them
  std::vector<Frame> frames_;
  std::vector<Result<Message>> heard_;  // what frames_ held
  std::size_t bytes_taken_ = 0;
};

}  // namespace troupe::transport
