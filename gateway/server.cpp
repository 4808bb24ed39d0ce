#include "gateway/server.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "gateway/descriptors.hpp"
#include "gateway/server_connection.hpp"
#include "gateway/server_tls.hpp"

namespace troupe::gateway {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr Duration sweep_interval_max = std::chrono::milliseconds(250);
constexpr Duration sweep_interval_min = std::chrono::milliseconds(5);
constexpr Duration accept_pause = std::chrono::milliseconds(100);
constexpr std::uint64_t other_descriptors = 256;  // of the process: links, files, devices
constexpr Duration certificate_look = std::chrono::seconds(1);

// A connection that closes leaves the loop's set, so this goes over a copy.
template <class What>
void each(const Loop& loop, What what) {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(loop.connections.size());
  for (Connection* one : loop.connections) all.push_back(one->shared_from_this());
  for (const auto& one : all) what(*one);
}

}  // namespace

struct Server::State {
  State(const ServerOptions& given, Log& log) : shared{given, log} {
    for (std::uint32_t i = 0; i < given.threads; ++i) {
      loops.push_back(std::make_unique<Loop>());
      loops.back()->number = i;
    }
  }

  Status open();
  void accept();
  void take(tcp::socket socket, Loop& loop);
  void sweep(Loop& loop);
  void watch_certificate();
  void run(Loop& loop);
  void end(Loop& loop, Duration limit);
  void stop(Duration limit);

  Shared shared;
  std::vector<std::unique_ptr<Loop>> loops;
  std::optional<tcp::acceptor> acceptor;         // of loop 0
  std::optional<asio::steady_timer> try_again;   // likewise
  std::optional<asio::steady_timer> look_again;  // likewise
  std::size_t next = 0;
  std::uint16_t port = 0;
  bool stopped = false;
};

Status Server::State::open() {
  const auto& options = shared.options;
  if (!options.tls_certificate.empty()) {
    auto tls = Tls::open(options.tls_certificate, options.tls_key);
    if (!tls) return tls.error();
    shared.tls = std::move(*tls);
  }
  look_again.emplace(loops[0]->context);
  if (options.host.empty()) return {};
  error_code failed;
  tcp::resolver resolver(loops[0]->context);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, failed);
  if (failed || found.empty())
    return Error{ErrorCode::config, "'" + options.host + "' is no address: " + failed.message(),
                 "let `listen` in [http] name an address of this machine"};
  const tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.emplace(loops[0]->context);
  acceptor->open(endpoint.protocol(), failed);
  if (!failed) acceptor->set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor->bind(endpoint, failed);
  if (!failed) acceptor->listen(asio::socket_base::max_listen_connections, failed);
  if (failed)
    return Error{ErrorCode::io,
                 "cannot listen for HTTP on " + options.host + ", port " +
                     std::to_string(options.port) + ": " + failed.message(),
                 "choose another `listen` in [http], or another `http` for the node"};
  port = acceptor->local_endpoint().port();
  const auto wanted = std::uint64_t{options.connections_max} + other_descriptors;
  if (const auto had = raise_descriptors(wanted); had < wanted)
    shared.log.warn("fewer file descriptors than HTTP connections that are allowed",
                    {{"descriptors", std::to_string(had)},
                     {"connections_max", std::to_string(options.connections_max)},
                     {"next", "raise the limit (ulimit -n), or lower connections_max in [http]"}});
  try_again.emplace(loops[0]->context);
  return {};
}

void Server::State::run(Loop& loop) {
  const std::string name = "http-" + std::to_string(loop.number);
  ::pthread_setname_np(::pthread_self(), name.c_str());
  const auto keeps_running = asio::make_work_guard(loop.context);
  loop.context.run();
}

void Server::State::accept() {
  Loop& loop = *loops[next++ % loops.size()];
  acceptor->async_accept(loop.context, [this, &loop](const error_code& failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted) return;
    if (!failed) {
      take(std::move(socket), loop);
      return accept();
    }
    // Out of file descriptors, most likely: a connection that ends gives one back.
    shared.log.warn("cannot accept a connection", {{"why", failed.message()}});
    try_again->expires_after(accept_pause);
    try_again->async_wait([this](const error_code& aborted) {
      if (!aborted) accept();
    });
  });
}

void Server::State::take(tcp::socket socket, Loop& loop) {
  if (shared.connections.fetch_add(1) >= shared.options.connections_max) {
    shared.connections.fetch_sub(1);
    shared.refused.fetch_add(1);
    constexpr std::string_view full =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(full.data(), full.size()), ignored);
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    return;
  }
  auto connection = make_connection(std::move(socket), loop, shared);
  asio::post(loop.context, [connection = std::move(connection)] { connection->start(); });
}

// Deadlines of all the loop's connections at once: cheaper than a timer for each, and late by at
// most a quarter of the shortest.
void Server::State::sweep(Loop& loop) {
  const auto& options = shared.options;
  const Duration shortest =
      std::min({options.idle_timeout, options.request_timeout, options.write_timeout});
  loop.sweeper.expires_after(std::clamp(shortest / 4, sweep_interval_min, sweep_interval_max));
  loop.sweeper.async_wait([this, &loop](const error_code& aborted) {
    if (aborted) return;
    each(loop, [at = now()](Connection& one) { one.sweep(at); });
    sweep(loop);
  });
}

void Server::State::watch_certificate() {
  look_again->expires_after(certificate_look);
  look_again->async_wait([this](const error_code& aborted) {
    if (aborted) return;
    if (const auto renewed = shared.tls->renew(); !renewed)
      shared.log.error("the new TLS certificate cannot be used; the former stays", renewed.error());
    else if (*renewed)
      shared.log.info("new connections get the new TLS certificate",
                      {{"file", shared.options.tls_certificate}});
    watch_certificate();
  });
}

void Server::State::end(Loop& loop, Duration limit) {
  error_code ignored;
  if (loop.number == 0) {
    if (acceptor) {
      acceptor->close(ignored);
      try_again->cancel();
    }
    look_again->cancel();
  }
  loop.ending = true;
  each(loop, [](Connection& one) { one.end(); });
  if (loop.connections.empty()) return loop.context.stop();
  loop.ender.expires_after(limit);
  loop.ender.async_wait([&loop](const error_code& aborted) {
    if (aborted) return;
    each(loop, [](Connection& one) { one.close(); });
    loop.context.stop();
  });
}

void Server::State::stop(Duration limit) {
  if (std::exchange(stopped, true)) return;
  for (auto& loop : loops)
    if (loop->thread.joinable())
      asio::post(loop->context, [this, &loop = *loop, limit] { end(loop, limit); });
  for (auto& loop : loops)
    if (loop->thread.joinable()) loop->thread.join();
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() {
  stop();
}
void Server::stop(Duration limit) {
  state_->stop(limit);
}
void Server::serve(Handler& handler) {
  state_->shared.handler = &handler;
  if (state_->acceptor) state_->accept();
  if (state_->shared.tls != nullptr) state_->watch_certificate();
  for (auto& loop : state_->loops) {
    state_->sweep(*loop);
    loop->thread = std::thread([this, &loop = *loop] { state_->run(loop); });
  }
}
std::uint16_t Server::port() const noexcept {
  return state_->port;
}
ServerCounters Server::counters() const noexcept {
  return {state_->shared.connections.load(), state_->shared.refused.load(),
          state_->shared.handshakes_failed.load(), state_->shared.bodies_bytes.load()};
}
void Server::post(std::size_t loop, std::function<void()> work) {
  asio::post(state_->loops[loop]->context, std::move(work));
}

void Server::post_after(std::size_t loop, Duration delay, std::function<void()> work) {
  auto timer = std::make_shared<asio::steady_timer>(state_->loops[loop]->context, delay);
  asio::steady_timer& waiting = *timer;
  waiting.async_wait([timer = std::move(timer), work = std::move(work)](const error_code& aborted) {
    if (!aborted) work();
  });
}

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, Log& log) {
  std::unique_ptr<Server> server(new Server(std::make_unique<State>(options, log)));
  if (auto opened = server->state_->open(); !opened) return opened.error();
  return server;
}

}  // namespace troupe::gateway
