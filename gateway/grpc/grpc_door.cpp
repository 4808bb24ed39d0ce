#include "gateway/grpc/grpc_door.hpp"

#include <grpc/compression.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <limits>

#include "gateway/grpc/service.hpp"

namespace troupe::gateway {
namespace {

constexpr int metadata_bytes_max = 16 << 10;  // of a call's
// What gRPC has beside the messages that are counted: each while it comes in, and its connections.
// Over it gRPC itself ends calls, without a word that would help.
constexpr std::uint64_t buffers_bytes = std::uint64_t{64} << 20;
constexpr unsigned certificate_look_s = 1;  // how often the files are read again
// A peer that is silent while it has calls is asked whether it lives; clients may ask as often.
constexpr int ping_interval_ms = 30'000;
constexpr int ping_answer_ms = 20'000;
constexpr int ping_interval_min_ms = 5'000;

int milliseconds(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<std::int64_t>(count, 1, std::numeric_limits<int>::max()));
}

std::shared_ptr<grpc::ServerCredentials> credentials(const GrpcOptions& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  namespace tls = grpc::experimental;
  const auto files = std::make_shared<tls::FileWatcherCertificateProvider>(
      options.tls_key, options.tls_certificate, certificate_look_s);
  tls::TlsServerCredentialsOptions with(files);
  with.watch_identity_key_cert_pairs();
  with.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return tls::TlsServerCredentials(with);
}

void set_limits(grpc::ServerBuilder& builder, const GrpcOptions& options) {
  grpc::ResourceQuota quota("troupe");
  quota.Resize(static_cast<std::size_t>(2 * options.messages_bytes_max + buffers_bytes));
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(
      std::min<std::uint64_t>(options.message_bytes_max, std::numeric_limits<int>::max())));
  // What a compressed message holds is known only when it is unpacked.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, metadata_bytes_max);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(options.calls_max));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, milliseconds(options.idle_timeout));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             milliseconds(options.handshake_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, ping_interval_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ping_answer_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             ping_interval_min_ms);
  // Two nodes that share a port by mistake would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

// gRPC writes what it thinks of clients to stderr, in a form of its own, as often as they give
// cause. What a node has to say of its door it says itself.
void silence_log() {
  gpr_set_log_function([](gpr_log_func_args*) {});
}

std::string address(const GrpcOptions& options) {
  std::string host = options.host == "*" ? "[::]" : options.host;
  if (host.find(':') != std::string::npos && host.front() != '[') host = "[" + host + "]";
  return host + ":" + std::to_string(options.port);
}

class Door final : public GrpcDoor {
 public:
  Door(Desks& desks, const GrpcOptions& options)
      : service_(desks, options.calls_max, options.messages_bytes_max) {}
  ~Door() override { Door::stop(); }

  // False where one cannot listen there.
  bool open(const GrpcOptions& options) {
    grpc::ServerBuilder builder;
    set_limits(builder, options);
    builder.RegisterService(&service_);
    builder.AddListeningPort(address(options), credentials(options), &port_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr && port_ != 0;
  }

  void stop() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_ = nullptr;
  }

  [[nodiscard]] std::uint16_t port() const noexcept override {
    return static_cast<std::uint16_t>(port_);
  }

 private:
  GrpcService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace
}  // namespace troupe::gateway

troupe::gateway::GrpcDoor* troupe_open_grpc_door(const troupe::gateway::GrpcOptions& options,
                                                 troupe::gateway::Desks& desks,
                                                 troupe::Error& why) {
  using namespace troupe::gateway;
  silence_log();
  auto door = std::make_unique<Door>(desks, options);
  if (door->open(options)) return door.release();
  why = {troupe::ErrorCode::io, "cannot listen for gRPC on " + address(options),
         "see whether the address is this machine's and the port free (troupe doctor), or choose "
         "another `listen` in [grpc] or `grpc` for the node"};
  return nullptr;
}
