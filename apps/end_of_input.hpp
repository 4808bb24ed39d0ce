// Tells when standard input ends, which is how a node hears that whoever started it from another
// machine has gone. What comes before is thrown away. One thread of its own.
#pragma once

#include <functional>
#include <thread>

namespace troupe::apps {

class EndOfInput {
 public:
  // `at_end` is called once at most, on the thread.
  explicit EndOfInput(std::function<void()> at_end);
  ~EndOfInput();  // ends the thread
  EndOfInput(const EndOfInput&) = delete;
  EndOfInput& operator=(const EndOfInput&) = delete;

 private:
  void watch() const;

  std::function<void()> at_end_;
  int stop_ = -1;  // an eventfd
  std::thread thread_;
};

}  // namespace troupe::apps
