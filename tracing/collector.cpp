#include "tracing/collector.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <utility>

namespace troupe::tracing {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::uint64_t answer_bytes_max = std::uint64_t{64} << 10;

// Seconds; a date, which HTTP allows as well, would need a clock that agrees with the collector's.
std::optional<Duration> retry_after(std::string_view field) {
  constexpr std::int64_t seconds_max = 3600;
  std::int64_t seconds = 0;
  const auto [rest, status] = std::from_chars(field.data(), field.data() + field.size(), seconds);
  if (status != std::errc{} || rest != field.data() + field.size() || seconds < 0)
    return std::nullopt;
  return std::chrono::seconds(std::min(seconds, seconds_max));
}

}  // namespace

Collector::Collector(std::string host, std::uint16_t port, Duration limit)
    : host_(std::move(host)), port_(std::to_string(port)), limit_(limit) {}

Answer Collector::post(const std::string& target, std::string body) const {
  asio::io_context io;
  beast::error_code error;
  const auto found = asio::ip::tcp::resolver(io).resolve(host_, port_, error);
  if (error) return {};

  // Only what is asynchronous can time out.
  beast::tcp_stream stream(io);
  stream.expires_after(limit_);
  const auto finish = [&] {
    io.restart();
    io.run();
    return !error;
  };
  const auto done = [&](beast::error_code why, auto&&...) { error = why; };
  stream.async_connect(found, done);
  if (!finish()) return {};

  http::request<http::string_body> request(http::verb::post, target, 11);
  request.set(http::field::host, host_ + ":" + port_);
  request.set(http::field::content_type, "application/json");
  request.set(http::field::user_agent, "troupe");
  request.keep_alive(false);
  request.body() = std::move(body);
  request.prepare_payload();
  http::async_write(stream, request, done);
  if (!finish()) return {};

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> answer;
  answer.body_limit(answer_bytes_max);
  http::async_read(stream, buffer, answer, done);
  if (!finish()) return {};
  const auto after = answer.get()[http::field::retry_after];
  return {answer.get().result_int(), retry_after({after.data(), after.size()})};
}

}  // namespace troupe::tracing
