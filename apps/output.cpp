#include "apps/output.hpp"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>

namespace troupe::apps {
namespace {

// Errors quote names from files and peers: nothing in them may steer a terminal.
std::string plain(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    safe += (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f ? '?' : c;
  }
  return safe;
}

}  // namespace

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::config:
      return exit_usage;
    case ErrorCode::unreachable:
      return exit_unreachable;
    case ErrorCode::expired:
      return exit_slo_missed;
    default:
      return exit_failed;
  }
}

OutputOptions terminal_options(bool json) {
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): never set here
  const bool wanted = no_colour == nullptr || *no_colour == '\0';
  return {.json = json,
          .colour = wanted && ::isatty(STDOUT_FILENO) == 1,
          .rewrite_progress = ::isatty(STDERR_FILENO) == 1};
}

Output::Output(OutputOptions options, std::ostream& out, std::ostream& err)
    : options_(options), out_(out), err_(err) {}

Output::~Output() {
  end_progress();
}

void Output::text(std::string_view lines) {
  if (options_.json) return;
  end_progress();
  out_ << lines << '\n';
}

void Output::object(const nlohmann::json& object) {
  if (!options_.json) return;
  out_ << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void Output::progress(std::string_view line) {
  if (options_.json) return;
  constexpr std::string_view start_over = "\r\033[K";
  if (options_.rewrite_progress)
    err_ << start_over << plain(line);
  else
    err_ << plain(line) << '\n';
  err_.flush();
  progress_shown_ = options_.rewrite_progress;
}

int Output::fail(const Error& error) {
  end_progress();
  if (options_.json) {
    object({{"error",
             {{"code", name(error.code)}, {"what", error.what}, {"next_step", error.next_step}}}});
  } else {
    if (error.code != ErrorCode::config) err_ << "troupe: ";
    err_ << plain(error.what) << '\n';
    if (!error.next_step.empty()) err_ << "  next: " << plain(error.next_step) << '\n';
  }
  return exit_code(error.code);
}

std::string Output::bold(std::string_view text) const {
  return options_.colour ? "\033[1m" + std::string(text) + "\033[0m" : std::string(text);
}

std::string Output::dim(std::string_view text) const {
  return options_.colour ? "\033[2m" + std::string(text) + "\033[0m" : std::string(text);
}

bool Output::flush() {
  out_.flush();
  return out_.good();
}

int Output::finish(int code) {
  end_progress();
  out_.flush();
  if (out_.good()) return code;
  err_ << "troupe: the result could not be written to stdout\n";
  return code == exit_ok ? exit_failed : code;
}

void Output::end_progress() {
  if (!progress_shown_) return;
  err_ << '\n';
  err_.flush();
  progress_shown_ = false;
}

}  // namespace troupe::apps
