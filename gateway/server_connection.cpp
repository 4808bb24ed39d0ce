#include "gateway/server_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/clock.hpp"
#include "gateway/server_tls.hpp"

namespace troupe::gateway {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr std::size_t read_bytes_min = 4096;
constexpr std::size_t read_bytes_max = 65536;
constexpr std::size_t kept_bytes_max = 16384;         // of an idle connection's buffer
constexpr std::size_t lingering_bytes_max = 1 << 20;  // read and dropped after a refusal
constexpr int stream_buffer_bytes = 65536;
constexpr std::size_t json_padding = 64;  // what simdjson wants to be able to read behind
constexpr Duration linger_limit = std::chrono::seconds(1);
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

using TlsStream = asio::ssl::stream<tcp::socket>;

// One connection, over a socket or over TLS. It lives as long as an operation on its stream or the
// request's exchange holds it.
template <class Stream>
class HttpConnection final : public Connection, public Exchange {
 public:
  template <class... Parts>
  HttpConnection(Loop& loop, Shared& shared, Parts&&... of_stream)
      : stream_(std::forward<Parts>(of_stream)...), loop_(loop), shared_(shared) {}
  ~HttpConnection() override {
    release_body();
    shared_.connections.fetch_sub(1);
  }

  void start() override {
    if (loop_.ending) return;
    loop_.connections.insert(this);
    error_code ignored;
    socket().set_option(tcp::no_delay(true), ignored);
    if constexpr (is_tls) return shake_hands();
    await_request();
  }

  void sweep(Instant at) override {
    if (at < deadline_) return;
    if (phase_ == Phase::request && !continuing_)
      refuse(408, {ErrorCode::expired, "the request did not arrive in time", "send it faster"});
    else
      close();
  }

  void close() override {
    if (std::exchange(phase_, Phase::closed) == Phase::closed) return;
    loop_.connections.erase(this);
    error_code ignored;
    socket().close(ignored);
    if (auto gone = std::exchange(gone_, nullptr)) gone();
    if (loop_.ending && loop_.connections.empty()) loop_.context.stop();
  }

  void end() override {
    if (phase_ != Phase::answering && phase_ != Phase::writing) return close();
    keep_alive_ = false;
  }

  void answer(Response&& response) override {
    if (phase_ != Phase::answering) return;
    gone_ = nullptr;
    write(std::move(response));
  }

  void when_gone(std::function<void()> call) override {
    if (phase_ == Phase::answering || phase_ == Phase::streaming) gone_ = std::move(call);
  }

  void begin_stream(Response&& response) override {
    if (phase_ != Phase::answering) return;
    keep_alive_ = false;
    head_ = stream_head(response, version_);
    release_body();
    if (head_only_) {
      gone_ = nullptr;
      body_.clear();
      return write_last();
    }
    body_ = response.body.empty() ? std::string() : stream_piece(response.body, version_);
    // The system would take megabytes from us for a client that reads none of them.
    error_code ignored;
    socket().set_option(asio::socket_base::send_buffer_size(stream_buffer_bytes), ignored);
    phase_ = Phase::streaming;
    write_piece();
  }

  bool send(std::string_view piece) override {
    if (phase_ != Phase::streaming || writing_piece_ || piece.empty()) return false;
    head_.clear();
    body_ = stream_piece(piece, version_);
    write_piece();
    return true;
  }

  void finish_stream() override {
    if (phase_ != Phase::streaming) return;
    gone_ = nullptr;
    finishing_ = true;
    if (!writing_piece_) finish_now();
  }

 private:
  enum class Phase { handshake, idle, request, answering, streaming, writing, lingering, closed };
  static constexpr bool is_tls = std::is_same_v<Stream, TlsStream>;

  tcp::socket& socket() {
    if constexpr (is_tls)
      return stream_.next_layer();
    else
      return stream_;
  }

  void shake_hands() {
    enter(Phase::handshake, shared_.options.request_timeout);
    if constexpr (is_tls)
      stream_.async_handshake(TlsStream::server, [self = self()](const error_code& failed) {
        if (self->phase_ == Phase::closed) return;
        if (!failed) return self->await_request();
        self->shared_.handshakes_failed.fetch_add(1);
        self->close();
      });
  }

  std::shared_ptr<HttpConnection> self() {
    return std::static_pointer_cast<HttpConnection>(shared_from_this());
  }

  void enter(Phase phase, Duration limit) {
    phase_ = phase;
    deadline_ = later(now(), limit);
  }

  void await_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.options.header_bytes_max));
    parser_->body_limit(shared_.options.body_bytes_max);
    header_done_ = false;
    enter(Phase::idle, shared_.options.idle_timeout);
    if (buffer_.size() > 0) return begin_request();
    if (buffer_.capacity() > kept_bytes_max && !reading_) buffer_.shrink_to_fit();
    read();
  }

  void begin_request() {
    enter(Phase::request, shared_.options.request_timeout);
    parse();
  }

  // While the handler works it reads as well, a little: that is how it learns that the client left.
  void read() {
    if (reading_) return;
    reading_ = true;
    std::size_t bytes = read_bytes_min;
    if (phase_ == Phase::request && header_done_)
      bytes = std::clamp<std::size_t>(parser_->content_length_remaining().value_or(read_bytes_min),
                                      read_bytes_min, read_bytes_max);
    stream_.async_read_some(buffer_.prepare(bytes),
                            [self = self()](const error_code& failed, std::size_t bytes_read) {
                              self->on_read(failed, bytes_read);
                            });
  }

  void on_read(const error_code& failed, std::size_t bytes) {
    reading_ = false;
    if (phase_ == Phase::closed) return;
    if (failed && phase_ == Phase::writing) {  // it has said all that it will, and may still listen
      keep_alive_ = false;
      return;
    }
    if (is_tls && phase_ == Phase::lingering) return;  // linger() sees how it ends
    if (failed) return close();
    buffer_.commit(bytes);
    switch (phase_) {
      case Phase::idle:
        return begin_request();
      case Phase::request:
        return parse();
      case Phase::lingering:
        return;               // drop_more() reads what else comes
      case Phase::answering:  // the next request's first bytes, for later
      case Phase::handshake:
      case Phase::streaming:
      case Phase::writing:
      case Phase::closed:
        return;
    }
  }

  void parse() {
    for (;;) {
      error_code failed;
      buffer_.consume(parser_->put(buffer_.data(), failed));
      if (failed == http::error::need_more) return read_more();
      if (failed) return refuse_parse(failed);
      if (!header_done_ && parser_->is_header_done()) {
        header_done_ = true;
        parser_->eager(true);
        if (!accept_header()) return;
      }
      if (parser_->is_done()) return hand_over();
      if (buffer_.size() == 0) return read_more();
    }
  }

  void read_more() {
    // The parser keeps what it cannot take piece by piece: header fields and chunk headers.
    if (buffer_.size() > shared_.options.header_bytes_max)
      return refuse(431, {ErrorCode::too_large, "the request's header or a chunk's is too long",
                          "send fewer or shorter fields"});
    read();
  }

  // Whether to go on to the body.
  bool accept_header() {
    const auto& fields = parser_->get();
    const auto length = parser_->content_length();
    const std::uint64_t bytes = length               ? *length
                                : parser_->chunked() ? shared_.options.body_bytes_max
                                                     : 0;
    if (bytes > 0) {
      if (!shared_.reserve(bytes)) {
        refuse(503, {ErrorCode::queue_full, "too many request bodies are on their way",
                     "retry later, or send smaller ones"});
        return false;
      }
      reserved_ = bytes;
      if (length) parser_->get().body().reserve(bytes + json_padding);
    }
    const auto expect = fields[http::field::expect];
    if (expect.empty()) return true;
    if (!boost::beast::iequals(expect, "100-continue")) {
      refuse(417, {ErrorCode::unsupported, "the expectation is none that this server knows",
                   "expect 100-continue or nothing"});
      return false;
    }
    if (fields.version() < 11 || parser_->is_done() || buffer_.size() > 0) return true;
    continuing_ = true;
    asio::async_write(stream_, asio::buffer(continue_line.data(), continue_line.size()),
                      [self = self()](const error_code& broken, std::size_t) {
                        self->continuing_ = false;
                        if (self->phase_ != Phase::request) return;
                        if (broken) return self->close();
                        self->read();
                      });
    return false;
  }

  void hand_over() {
    auto message = parser_->release();
    keep_alive_ = message.keep_alive() && !loop_.ending;
    head_only_ = message.method() == http::verb::head;
    version_ = message.version();
    Request request;
    const auto text = [](boost::beast::string_view view) {
      return std::string(view.data(), view.size());
    };
    request.method = text(message.method_string());
    request.target = text(message.target());
    request.content_type = text(message[http::field::content_type]);
    request.authorization = text(message[http::field::authorization]);
    request.json_bytes = text(message["Inference-Header-Content-Length"]);
    request.traceparent = text(message["traceparent"]);
    request.prefer = text(message["Prefer"]);
    request.body = std::move(message.body());
    enter(Phase::answering, Duration::max());
    shared_.handler->handle(loop_.number, std::move(request), self());
    if (phase_ == Phase::answering || phase_ == Phase::streaming) read();
  }

  void refuse_parse(const error_code& failed) {
    if (failed == http::error::body_limit)
      return refuse(413, {ErrorCode::too_large,
                          "the body is longer than " +
                              std::to_string(shared_.options.body_bytes_max) + " bytes",
                          "send less at a time, or raise body_bytes_max in [http]"});
    if (failed == http::error::header_limit)
      return refuse(431, {ErrorCode::too_large,
                          "the header is longer than " +
                              std::to_string(shared_.options.header_bytes_max) + " bytes",
                          "send fewer or shorter fields"});
    if (failed == http::error::bad_version)
      return refuse(505, {ErrorCode::unsupported, "this is not HTTP/1.0 or HTTP/1.1", ""});
    refuse(400, {ErrorCode::malformed, "this is not an HTTP request: " + failed.message(), ""});
  }

  // Says why and ends the connection, whose bytes nobody can tell apart any more.
  void refuse(unsigned status, const Error& why) {
    const auto target = parser_->get().target();
    keep_alive_ = false;
    head_only_ = false;
    version_ = 11;
    write(shared_.handler->problem({target.data(), target.size()}, status, why));
  }

  void write(Response&& response) {
    head_ = response_head(response, version_, keep_alive_);
    body_ = head_only_ ? std::string() : std::move(response.body);
    write_last();
  }

  // What ends the answer: head_ and body_.
  void write_last() {
    enter(Phase::writing, shared_.options.write_timeout);
    asio::async_write(
        stream_, std::array<asio::const_buffer, 2>{asio::buffer(head_), asio::buffer(body_)},
        [self = self()](const error_code& failed, std::size_t) { self->on_written(failed); });
  }

  void on_written(const error_code& failed) {
    if (phase_ == Phase::closed) return;
    if (failed) return close();
    body_ = {};
    release_body();
    if (keep_alive_) return await_request();
    linger();
  }

  // Closed at once, what the client still sends would be answered with a reset, which may overtake
  // the response.
  void linger() {
    enter(Phase::lingering, linger_limit);
    if constexpr (is_tls) {
      // Says that this is all, and waits for the client to say the same. One that goes on sending
      // its request instead fails that, and is read without being understood.
      stream_.async_shutdown([self = self()](const error_code& failed) {
        if (self->phase_ == Phase::closed) return;
        if (!failed || failed == asio::error::eof) return self->close();
        self->drop_rest();
      });
    } else {
      drop_rest();
    }
  }

  void drop_rest() {
    if (std::exchange(dropping_, true)) return;
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    drop_more();
  }

  void drop_more() {
    body_.resize(read_bytes_min);  // another read may still be waiting with the buffer
    socket().async_read_some(asio::buffer(body_),
                             [self = self()](const error_code& failed, std::size_t n) {
                               if (self->phase_ == Phase::closed) return;
                               self->lingered_bytes_ += n;
                               if (failed || self->lingered_bytes_ > lingering_bytes_max)
                                 return self->close();
                               self->drop_more();
                             });
  }

  // Head_ and body_, with more to come.
  void write_piece() {
    writing_piece_ = true;
    deadline_ = later(now(), shared_.options.write_timeout);
    asio::async_write(
        stream_, std::array<asio::const_buffer, 2>{asio::buffer(head_), asio::buffer(body_)},
        [self = self()](const error_code& failed, std::size_t) { self->on_piece(failed); });
  }

  void on_piece(const error_code& failed) {
    writing_piece_ = false;
    if (phase_ == Phase::closed) return;
    if (failed) return close();
    deadline_ = never;
    if (finishing_) finish_now();
  }

  void finish_now() {
    head_ = version_ >= 11 ? stream_piece("", version_) : std::string();
    body_.clear();
    write_last();
  }

  void release_body() { shared_.bodies_bytes.fetch_sub(std::exchange(reserved_, 0)); }

  Stream stream_;
  Loop& loop_;
  Shared& shared_;
  Phase phase_ = Phase::idle;
  Instant deadline_ = never;
  bool reading_ = false;
  bool header_done_ = false;
  bool continuing_ = false;  // "100 Continue" is being written
  bool keep_alive_ = false;
  bool head_only_ = false;
  bool writing_piece_ = false;  // of a stream
  bool dropping_ = false;       // what still comes is read and dropped
  bool finishing_ = false;      // the stream ends with the piece that is being written
  unsigned version_ = 11;
  std::uint64_t reserved_ = 0;
  std::size_t lingered_bytes_ = 0;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string head_;
  std::string body_;
  std::function<void()> gone_;
};

}  // namespace

std::shared_ptr<Connection> make_connection(tcp::socket socket, Loop& loop, Shared& shared) {
  if (shared.tls == nullptr)
    return std::make_shared<HttpConnection<tcp::socket>>(loop, shared, std::move(socket));
  return std::make_shared<HttpConnection<TlsStream>>(loop, shared, std::move(socket),
                                                     shared.tls->context());
}

}  // namespace troupe::gateway
