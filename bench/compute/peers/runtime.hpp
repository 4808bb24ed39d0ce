// ONNX Runtime as a rival, in a Python process of its own: onnxruntime_peer.py, which this starts,
// asks for one batch after the other and ends. One thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/compute/material.hpp"

namespace troupe::bench::compute::peers {

class Runtime {
 public:
  // Starts `python3` on the script with the model's folder and waits until it has loaded that.
  // Errors: unsupported where this build, Python or its packages are not there, with the reason.
  static Result<Runtime> start(const std::string& model_folder);

  Runtime(Runtime&& other) noexcept;
  Runtime& operator=(Runtime&&) = delete;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  struct Encoded {
    double seconds = 0;          // of CPU time of the thread that ran it, warmed up
    std::vector<float> vectors;  // [texts, width]
  };
  // Errors: io when the process went away or said something else.
  Result<Encoded> encode(const std::vector<Ids>& texts);

  [[nodiscard]] const std::string& version() const { return version_; }

 private:
  Runtime() = default;
  Result<std::string> read_line();
  Status write(const std::string& line);

  int socket_ = -1;
  pid_t process_ = -1;
  std::string read_;  // and not used yet
  std::string version_;
};

}  // namespace troupe::bench::compute::peers
