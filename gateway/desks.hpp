// What a further door (gateway/grpc) asks of the front door, whose desks answer its calls as well.
// Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "gateway/message.hpp"
#include "gateway/server.hpp"

namespace troupe::gateway {

class Desks {
 public:
  Desks() = default;
  Desks(const Desks&) = delete;
  Desks& operator=(const Desks&) = delete;
  virtual ~Desks() = default;

  // Which loop shall have the next call, and the call for it; the exchange is used on that loop's
  // thread. After the front door has stopped, both are dropped.
  virtual std::size_t choose_loop() noexcept = 0;
  virtual void take(std::size_t loop, Request&& request, std::shared_ptr<Exchange> exchange) = 0;
  virtual void post(std::size_t loop, std::function<void()> work) = 0;

  // Counts a call that no desk has seen, by HTTP's status for it.
  virtual void note_refusal(unsigned status) = 0;
};

}  // namespace troupe::gateway
