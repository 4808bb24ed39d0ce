// The HTTP server by itself: what it reads, what it refuses, and that nobody can hold it up.
#include "gateway/server.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "tests/catch.hpp"
#include "tests/gateway/raw_client.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::gateway;
using tests::Answered;
using tests::RawClient;
using tests::request;

namespace {

// Answers with what it was asked; "/hold" only when the test says so; "/big" at length; "/stream"
// with a large piece every millisecond.
class Echo final : public Handler {
 public:
  void handle(std::size_t loop, Request&& asked, std::shared_ptr<Exchange> exchange) override {
    if (asked.target == "/hold") {
      exchange->when_gone([this] { note_gone(); });
      const std::lock_guard lock(mutex_);
      held_.push_back({loop, std::move(exchange)});
      changed_.notify_all();
      return;
    }
    if (asked.target == "/stream") {
      const auto gone = std::make_shared<bool>(false);
      exchange->when_gone([this, gone] {
        *gone = true;
        note_gone();
      });
      exchange->begin_stream({});
      return push(loop, std::move(exchange), gone);
    }
    Response response;
    response.content_type = "text/plain";
    response.body = asked.method + " " + asked.target + " " + asked.body;
    if (asked.target == "/big") response.body.assign(std::size_t{64} << 20, 'b');
    exchange->answer(std::move(response));
  }

  Response problem(std::string_view target, unsigned status, const Error& why) override {
    Response response;
    response.status = status;
    response.body = std::string(target) + " " + why.to_string();
    return response;
  }

  // Once it holds so many.
  void wait_held(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return held_.size() >= count; });
    REQUIRE(held_.size() >= count);
  }
  void wait_gone(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return gone_ >= count; });
    REQUIRE(gone_ >= count);
  }
  void answer_one(Server& server) {
    const std::lock_guard lock(mutex_);
    auto [loop, exchange] = std::move(held_.front());
    held_.pop_front();
    server.post(loop, [exchange = std::move(exchange)] {
      Response response;
      response.body = "held";
      exchange->answer(std::move(response));
    });
  }
  void drop() {
    const std::lock_guard lock(mutex_);
    held_.clear();
  }

  Server* served_by = nullptr;

 private:
  void push(std::size_t loop, std::shared_ptr<Exchange> exchange, std::shared_ptr<bool> gone) {
    if (*gone) return;
    exchange->send(std::string(100'000, 's'));
    served_by->post_after(loop, 1ms, [this, loop, exchange = std::move(exchange), gone]() mutable {
      push(loop, std::move(exchange), gone);
    });
  }

  void note_gone() {
    const std::lock_guard lock(mutex_);
    ++gone_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::size_t, std::shared_ptr<Exchange>>> held_;
  std::size_t gone_ = 0;
};

struct Served {
  explicit Served(const ServerOptions& options = {}) {
    auto opened = Server::open(options, log);
    REQUIRE(opened);
    server = std::move(*opened);
    echo.served_by = server.get();
    server->serve(echo);
  }
  ~Served() {
    echo.drop();
    server->stop();
  }
  [[nodiscard]] RawClient client() const { return RawClient(server->port()); }

  // An outside fact that gives no notice of its own.
  void wait_connections(std::uint64_t count) const {
    const Instant give_up = now() + 20s;
    while (server->counters().connections != count && now() < give_up) std::this_thread::yield();
    REQUIRE(server->counters().connections == count);
  }

  NullLog log;
  Echo echo;
  std::unique_ptr<Server> server;
};

unsigned status_of_bytes(const Served& served, std::string_view bytes) {
  auto client = served.client();
  client.send(bytes);
  INFO(bytes.substr(0, 100));
  const Answered answered = client.read();
  CHECK(answered.headers.at("connection") == "close");
  CHECK(client.is_closed());
  return answered.status;
}

}  // namespace

TEST_CASE("requests of one connection are answered in their order, however they arrive") {
  const Served served;
  auto client = served.client();
  client.send(request("GET", "/1") + request("POST", "/2", "two") + request("GET", "/3"));
  CHECK(client.read().body == "GET /1 ");
  CHECK(client.read().body == "POST /2 two");
  CHECK(client.read().body == "GET /3 ");
  for (const char byte : request("POST", "/4", "slowly")) client.send({&byte, 1});
  CHECK(client.read().body == "POST /4 slowly");
  CHECK(client.ask("HEAD", "/5").headers.at("content-length") == "8");
  client.send(
      "POST /6 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  CHECK(client.read().body == "POST /6 abcde");
  client.send("POST /7 HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  client.send("abc");
  CHECK(client.read().body == "POST /7 abc");
  const auto last = client.ask("GET", "/8", "", {{"Connection", "close"}});
  CHECK(last.headers.at("connection") == "close");
  CHECK(client.is_closed());
}

TEST_CASE("a client that waits for leave to send its body gets it") {
  const Served served;
  auto client = served.client();
  client.send("POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  std::thread later_on([&client] { client.send("abc"); });  // neither waits for the other
  const auto answered = client.read();
  later_on.join();
  CHECK(answered.body == "POST / abc");
}

TEST_CASE("HTTP/1.0 ends its connection unless it asks to keep it") {
  const Served served;
  auto client = served.client();
  client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(client.read().headers.at("connection") == "keep-alive");
  client.send("GET /2 HTTP/1.0\r\n\r\n");
  CHECK(client.read().body == "GET /2 ");
  CHECK(client.is_closed());
}

TEST_CASE("what is no HTTP request is refused and its connection ends") {
  const Served served;
  for (const std::string_view wrong :
       {std::string_view("\0\1\2\3 garbage\r\n\r\n", 16), std::string_view("GET\r\n\r\n"),
        std::string_view("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        std::string_view("GET / HTTP/1.1\r\nA: b\r\n c: d\x01\r\n\r\n"),
        std::string_view("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string_view("POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\nab"),
        std::string_view("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        std::string_view("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        std::string_view(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
            "0\r\n\r\n"),
        std::string_view("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        std::string_view(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
        std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15)})
    CHECK(status_of_bytes(served, wrong) == 400);
  CHECK(status_of_bytes(served, "GET / HTTP/3.0\r\n\r\n") == 505);
  CHECK(status_of_bytes(
            served, "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: a miracle\r\n\r\n") == 417);
  // The garbage behind a good request does not hurt that one.
  auto client = served.client();
  client.send(request("GET", "/good") + "\r\n\r\ngarbage\r\n\r\n");
  CHECK(client.read().body == "GET /good ");
  CHECK(client.read().status == 400);
}

TEST_CASE("headers and bodies over their limits are refused before they are read") {
  ServerOptions options;
  options.header_bytes_max = 2048;
  options.body_bytes_max = 1000;
  const Served served(options);
  const std::string filler(1500, 'x');
  CHECK(status_of_bytes(served, "GET /" + filler + filler) == 431);
  CHECK(status_of_bytes(served,
                        "GET / HTTP/1.1\r\nA: " + filler + "\r\nB: " + filler + "\r\n\r\n") == 431);
  CHECK(status_of_bytes(served, "POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n") == 413);
  CHECK(status_of_bytes(served, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                                    filler) == 413);
  CHECK(status_of_bytes(served, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + filler +
                                    filler) == 431);
  auto client = served.client();
  CHECK(client.ask("POST", "/", std::string(1000, 'y')).body.size() == 1007);
}

TEST_CASE("all bodies together have a limit, which is free again once they are answered") {
  ServerOptions options;
  options.bodies_bytes_max = 1000;
  const Served served(options);
  auto first = served.client();
  first.send("POST /1 HTTP/1.1\r\nContent-Length: 600\r\n\r\n");
  const Instant give_up = now() + 20s;
  while (served.server->counters().bodies_bytes != 600 && now() < give_up)
    std::this_thread::yield();
  CHECK(status_of_bytes(served, "POST /2 HTTP/1.1\r\nContent-Length: 600\r\n\r\n") == 503);
  first.send(std::string(600, 'x'));
  CHECK(first.read().status == 200);
  auto second = served.client();
  CHECK(second.ask("POST", "/3", std::string(600, 'x')).status == 200);
}

TEST_CASE("a request that trickles in is given up, a silent connection is closed") {
  ServerOptions options;
  options.request_timeout = 50ms;
  options.idle_timeout = 50ms;
  const Served served(options);
  for (const std::string_view begun :
       {"G", "GET / HTTP/1.1\r\nA: b\r\n", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"})
    CHECK(status_of_bytes(served, begun) == 408);
  auto silent = served.client();
  CHECK(silent.is_closed());
  auto used = served.client();
  CHECK(used.ask("GET", "/").status == 200);
  CHECK(used.is_closed());
  served.wait_connections(0);
}

TEST_CASE("a client that does not read its answer is given up") {
  ServerOptions options;
  options.write_timeout = 50ms;
  const Served served(options);
  auto client = served.client();
  client.send(request("GET", "/big"));
  served.wait_connections(1);
  served.wait_connections(0);
}

TEST_CASE("a client that does not read its stream is given up, one that does is not") {
  ServerOptions options;
  options.write_timeout = 100ms;
  const Served served(options);
  auto reads = served.client();
  reads.send(request("GET", "/stream"));
  CHECK(reads.read_head().status == 200);
  auto stuck = served.client();
  stuck.send(request("GET", "/stream"));
  served.wait_connections(2);
  for (int i = 0; i < 20'000 && served.server->counters().connections != 1; ++i)
    REQUIRE(reads.read_chunk().size() == 100'000);
  REQUIRE(served.server->counters().connections == 1);
  for (int i = 0; i < 100; ++i) CHECK(reads.read_chunk().size() == 100'000);
}

TEST_CASE("who leaves a stream is noticed") {
  Served served;
  {
    auto client = served.client();
    client.send(request("GET", "/stream"));
    CHECK(client.read_head().status == 200);
    CHECK(client.read_chunk().size() == 100'000);
  }
  served.echo.wait_gone(1);
}

TEST_CASE("connections over the limit are told so, and others go on") {
  ServerOptions options;
  options.connections_max = 1;
  const Served served(options);
  auto first = served.client();
  CHECK(first.ask("GET", "/1").status == 200);
  auto second = served.client();
  CHECK(second.read().status == 503);
  CHECK(second.is_closed());
  CHECK(served.server->counters().connections_refused == 1);
  CHECK(first.ask("GET", "/2").status == 200);
}

TEST_CASE("who leaves before the answer is noticed, and the answer is dropped") {
  Served served;
  {
    auto client = served.client();
    client.send(request("GET", "/hold"));
    served.echo.wait_held(1);
  }
  served.echo.wait_gone(1);
  served.echo.answer_one(*served.server);
  served.wait_connections(0);
}

TEST_CASE("many connections on several loops are served at the same time") {
  ServerOptions options;
  options.threads = 3;
  Served served(options);
  constexpr int clients = 200;
  std::deque<RawClient> all;
  for (int i = 0; i < clients; ++i) {
    all.emplace_back(served.server->port());
    all.back().send(request("GET", i % 2 == 0 ? "/hold" : "/" + std::to_string(i)));
  }
  served.echo.wait_held(clients / 2);
  for (int i = 1; i < clients; i += 2)
    CHECK(all[i].read().body == "GET /" + std::to_string(i) + " ");
  for (int i = 0; i < clients; i += 2) served.echo.answer_one(*served.server);
  for (int i = 0; i < clients; i += 2) CHECK(all[i].read().body == "held");
}

TEST_CASE("stopping waits for the answers that are owed, and not for ever") {
  Served served;
  auto waits = served.client();
  waits.send(request("GET", "/hold"));
  served.echo.wait_held(1);
  auto idle = served.client();
  CHECK(idle.ask("GET", "/").status == 200);
  SECTION("an answer that comes in time") {
    std::thread stopping([&] { served.server->stop(20s); });
    CHECK(idle.is_closed());  // nothing is owed to it
    served.echo.answer_one(*served.server);
    const auto answered = waits.read();
    CHECK(answered.body == "held");
    CHECK(answered.headers.at("connection") == "close");
    CHECK(waits.is_closed());
    stopping.join();
  }
  SECTION("one that does not") {
    served.server->stop(10ms);
    CHECK(waits.is_closed());
    served.echo.wait_gone(1);
    served.echo.drop();
  }
}

TEST_CASE("a server that cannot listen says why") {
  NullLog log;
  const Served served;
  ServerOptions options;
  options.port = served.server->port();
  const auto taken = Server::open(options, log);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::io);
  options.host = "203.0.113.7";  // of documentation, so of no machine
  const auto foreign = Server::open(options, log);
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().code == ErrorCode::io);
}
