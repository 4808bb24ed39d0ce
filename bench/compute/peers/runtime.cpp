#include "bench/compute/peers/runtime.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#if !defined(TROUPE_BENCH_PEERS_FOLDER)
#define TROUPE_BENCH_PEERS_FOLDER ""
#endif

namespace troupe::bench::compute::peers {
namespace {

using nlohmann::json;

constexpr int answer_ms_max = 60'000;
constexpr std::size_t line_bytes_max = 16 * 1024 * 1024;

Error gone(std::string what) {
  return {ErrorCode::io, "ONNX Runtime's process " + std::move(what), ""};
}

Error absent(std::string why) {
  return {ErrorCode::unsupported, std::move(why),
          "install onnxruntime, onnx and numpy for python3, or put them on PYTHONPATH"};
}

}  // namespace

Result<Runtime> Runtime::start(const std::string& model_folder) {
  const std::string folder = TROUPE_BENCH_PEERS_FOLDER;
  if (folder.empty()) return absent("this build has no peers");
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return gone(std::string("cannot be talked to: ") + std::strerror(errno));  // NOLINT
  Runtime made;
  made.socket_ = ends[0];
  const std::string script = folder + "/onnxruntime_peer.py";
  std::array<char*, 4> words = {const_cast<char*>("python3"), const_cast<char*>(script.c_str()),
                                const_cast<char*>(model_folder.c_str()), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  const int failed =
      posix_spawnp(&made.process_, "python3", &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) {
    made.process_ = -1;
    return absent(std::string("python3 does not start: ") + std::strerror(failed));  // NOLINT
  }
  const auto line = made.read_line();
  if (!line) return line.error();
  const auto told = json::parse(*line, nullptr, false);
  if (!told.is_object()) return gone("said '" + line->substr(0, 60) + "'");
  if (told.contains("error") && told["error"].is_string())
    return absent(told["error"].get<std::string>());
  if (!told.contains("version") || !told["version"].is_string()) return gone("has no version");
  made.version_ = told["version"].get<std::string>();
  return made;
}

Runtime::Runtime(Runtime&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      process_(std::exchange(other.process_, -1)),
      read_(std::move(other.read_)),
      version_(std::move(other.version_)) {}

Runtime::~Runtime() {
  if (socket_ >= 0) close(socket_);  // the end of its input, at which it ends
  if (process_ > 0) waitpid(process_, nullptr, 0);
}

Result<Runtime::Encoded> Runtime::encode(const std::vector<Ids>& texts) {
  if (auto sent = write(json{{"texts", texts}}.dump() + "\n"); !sent) return sent.error();
  const auto line = read_line();
  if (!line) return line.error();
  try {
    const auto told = json::parse(*line);
    if (told.contains("error")) return gone("failed: " + told["error"].get<std::string>());
    Encoded encoded;
    encoded.seconds = told.at("seconds").get<double>();
    encoded.vectors = told.at("vectors").get<std::vector<float>>();
    if (texts.empty() || encoded.vectors.size() % texts.size() != 0)
      return gone("gave vectors of no width");
    return encoded;
  } catch (const json::exception&) {
    return gone("said '" + line->substr(0, 60) + "'");
  }
}

Status Runtime::write(const std::string& line) {
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t sent = send(socket_, line.data() + at, line.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return gone("went away");
    at += static_cast<std::size_t>(sent);
  }
  return {};
}

Result<std::string> Runtime::read_line() {
  for (;;) {
    if (const std::size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    if (read_.size() > line_bytes_max) return gone("says too much");
    pollfd watched{socket_, POLLIN, 0};
    const int ready = poll(&watched, 1, answer_ms_max);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return gone("says nothing for a minute");
    std::array<char, 65536> bytes;
    const ssize_t got = recv(socket_, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return gone("ended; see its message above");
    read_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace troupe::bench::compute::peers
