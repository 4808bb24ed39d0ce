// The node's door for programs that speak gRPC: GRPCInferenceService of the Open Inference Protocol
// (inference.proto). A second wire to the same desks: a call becomes the HTTP request that says the
// same (translation.hpp), so that keys, tenants, models, lanes, deadlines, draining and every check
// of what comes in are those of the front door, and its answer becomes the call's.
//
// gRPC's own threads move the bytes; the work is done on the front door's loops. Limits: calls
// under way, bytes of one message, bytes of all. Compressed messages are refused, since a small one
// may hold any amount.
//
// It is a shared object of its own, door_grpc.so beside the program, loaded by the first node that
// serves gRPC: its fifty libraries would slow every start of the program down. The two are built
// together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "gateway/desks.hpp"

namespace troupe::gateway {

struct GrpcOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;       // 0: one that is free
  std::string tls_certificate;  // files in PEM, which the front door has checked; empty: no TLS
  std::string tls_key;
  std::uint32_t calls_max = 1024;                               // under way; more are refused
  std::uint64_t message_bytes_max = std::uint64_t{8} << 20;     // as it comes in
  std::uint64_t messages_bytes_max = std::uint64_t{256} << 20;  // of all calls
  Duration idle_timeout = std::chrono::seconds(75);             // of a connection without calls
  Duration handshake_timeout = std::chrono::seconds(30);
};

class GrpcDoor {
 public:
  GrpcDoor() = default;
  GrpcDoor(const GrpcDoor&) = delete;
  GrpcDoor& operator=(const GrpcDoor&) = delete;
  virtual ~GrpcDoor() = default;  // stops it

  // Takes no call any more, and cancels those that are under way. Before the desks stop.
  // Idempotent.
  virtual void stop() = 0;

  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
};

// Whether door_grpc.so is there.
bool has_grpc();

// Loads it, which takes some tens of milliseconds, so that opening does not: once is enough.
// Errors: unsupported (the program was built without gRPC, or its libraries are not there).
Status load_grpc();

// Serves from then on. `desks` outlive it. Errors: those of load_grpc(), io (the port is in use,
// the address is not this machine's).
Result<std::unique_ptr<GrpcDoor>> open_grpc_door(const GrpcOptions& options, Desks& desks);

}  // namespace troupe::gateway

// What door_grpc.so exports.
extern "C" [[gnu::visibility("default")]] troupe::gateway::GrpcDoor* troupe_open_grpc_door(
    const troupe::gateway::GrpcOptions& options, troupe::gateway::Desks& desks, troupe::Error& why);
