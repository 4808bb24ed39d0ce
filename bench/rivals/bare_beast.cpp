#include "bench/rivals/bare_beast.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <thread>
#include <utility>

namespace troupe::bench::rivals {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Answer = http::response<http::string_body>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const Answer& answer) : socket_(std::move(socket)), answer_(answer) {}

  void read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_,
                     [self = shared_from_this()](const error_code& failed, std::size_t) {
                       if (!failed) self->write();
                     });
  }

 private:
  void write() {
    http::async_write(socket_, answer_,
                      [self = shared_from_this()](const error_code& failed, std::size_t) {
                        if (!failed) self->read();
                      });
  }

  tcp::socket socket_;
  const Answer& answer_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
};

}  // namespace

struct BareBeast::State {
  void accept() {
    acceptor.async_accept([this](const error_code& failed, tcp::socket socket) {
      if (failed) return;
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<Session>(std::move(socket), answer)->read();
      accept();
    });
  }

  Answer answer;
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
  std::thread thread;
};

BareBeast::BareBeast(std::unique_ptr<State> state) : state_(std::move(state)) {}

BareBeast::~BareBeast() {
  state_->context.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::unique_ptr<BareBeast>> BareBeast::open(std::string body) {
  auto state = std::make_unique<State>();
  state->answer.result(http::status::ok);
  state->answer.set(http::field::content_type, "application/json");
  state->answer.body() = std::move(body);
  state->answer.prepare_payload();
  error_code failed;
  const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  state->acceptor.open(any.protocol(), failed);
  if (!failed) state->acceptor.bind(any, failed);
  if (!failed) state->acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return Error{ErrorCode::io, "cannot listen on 127.0.0.1: " + failed.message(), ""};
  state->accept();
  State& running = *state;
  state->thread = std::thread([&running] { running.context.run(); });
  return std::unique_ptr<BareBeast>(new BareBeast(std::move(state)));
}

std::uint16_t BareBeast::port() const noexcept {
  error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

}  // namespace troupe::bench::rivals
