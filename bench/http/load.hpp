// HTTP clients that cost little, so that on one machine the server is what is measured: plain
// sockets, one thread, the same request again and again, answers looked at for no more than their
// status and length.
//
// Closed loops: a connection asks again when it has its answer. That measures what a server can do
// and what a request takes when it can; it is no model of people.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/scenario.hpp"
#include "bench/harness/socket.hpp"

namespace troupe::bench::http {

// Always of 127.0.0.1.
struct Load {
  std::uint16_t port = 0;
  std::string request;            // all of its bytes
  std::uint32_t connections = 1;  // each asks in a closed loop
  Duration warm_up{};
  Duration length{};                            // measured, after the warm-up
  std::function<void(Instant at)> on_answer{};  // if set: each one that is measured
};

struct LoadResult {
  double answers_per_s = 0;
  harness::LatencyHistogram latency;  // from the request's first byte to the answer's last
};

// Errors: io; malformed for an answer other than a 200 with a length; expired when none comes for
// seconds; canceled.
Result<LoadResult> run_load(const Load& load, const harness::RunOptions& options);

// What one who comes anew waits: connect, ask, read the answer, close; `times` times, one after the
// other. The first tenth is not counted. Errors: as above.
Result<harness::LatencyHistogram> ask_anew(std::uint16_t port, const std::string& request,
                                           std::uint32_t times, const harness::RunOptions& options);

// One answer's body. Errors: as above.
Result<std::string> ask_once(std::uint16_t port, const std::string& request);

// Connections that had one answer each and are kept open, silent.
class IdleConnections {
 public:
  // Errors: as above.
  static Result<IdleConnections> open(std::uint16_t port, const std::string& request,
                                      std::uint32_t count);

 private:
  IdleConnections() = default;
  std::vector<harness::Socket> sockets_;
};

// "POST /v2/models/encoder/infer" and a JSON body, as bytes.
std::string post(const std::string& target, const std::string& body);

}  // namespace troupe::bench::http
