#include "gateway/routes.hpp"

#include <array>
#include <optional>
#include <vector>

#include "base/limits.hpp"

namespace troupe::gateway {
namespace {

constexpr std::size_t parts_max = 8;

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "%2E" undone; nothing where that is broken or yields what no name has.
std::optional<std::string> plain(std::string_view part) {
  std::string text;
  for (std::size_t i = 0; i < part.size(); ++i) {
    char c = part[i];
    if (c == '%') {
      if (i + 2 >= part.size() || hex(part[i + 1]) < 0 || hex(part[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(hex(part[i + 1]) * 16 + hex(part[i + 2]));
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x21 || c == '/') return std::nullopt;
    text += c;
  }
  if (text.empty() || text.size() > limits::name_bytes_max) return std::nullopt;
  return text;
}

// "/v2/models" of a target in either of the forms that HTTP has for it; empty where it is neither.
std::string_view path_of(std::string_view target) {
  constexpr std::string_view scheme = "http://";  // the absolute form, which proxies send
  if (target.starts_with(scheme)) {
    const auto path = target.find('/', scheme.size());
    if (path == std::string_view::npos) return {};
    target.remove_prefix(path);
  }
  target = target.substr(0, target.find_first_of("?#"));
  return target.starts_with('/') ? target : std::string_view();
}

std::optional<std::vector<std::string>> parts_of(std::string_view target) {
  if (target.empty()) return std::nullopt;
  target.remove_prefix(1);
  if (!target.empty() && target.back() == '/') target.remove_suffix(1);
  std::vector<std::string> parts;
  while (parts.size() < parts_max) {
    const auto slash = target.find('/');
    auto part = plain(target.substr(0, slash));
    if (!part) return std::nullopt;
    parts.push_back(std::move(*part));
    if (slash == std::string_view::npos) return parts;
    target.remove_prefix(slash + 1);
  }
  return std::nullopt;
}

Route of(Ask ask, std::string model) {
  Route found;
  found.ask = ask;
  found.model = std::move(model);
  return found;
}

Route only(Ask ask) {
  return of(ask, "");
}

Route of_model(std::vector<std::string> parts) {  // what follows /v2/models
  if (parts.size() == 1 && parts[0] == "stats") return only(Ask::all_stats);
  Route found = of(Ask::model, std::move(parts[0]));
  std::size_t next = 1;
  if (parts.size() > 2 && parts[1] == "versions") {
    found.version = std::move(parts[2]);
    next = 3;
  }
  if (parts.size() == next) return found;
  if (parts.size() > next + 1) return {};
  const std::string& verb = parts[next];
  if (verb == "ready")
    found.ask = Ask::model_ready;
  else if (verb == "infer")
    found.ask = Ask::infer;
  else if (verb == "stats")
    found.ask = Ask::model_stats;
  else
    return {};
  return found;
}

Route of_job(std::vector<std::string> parts) {  // what follows /v2/jobs
  Route found;
  found.job = std::move(parts[0]);
  if (parts.size() == 1)
    found.ask = Ask::job;
  else if (parts.size() == 2 && parts[1] == "result")
    found.ask = Ask::job_result;
  else if (parts.size() == 2 && parts[1] == "events")
    found.ask = Ask::job_events;
  return found;
}

Route of_repository(std::vector<std::string> parts) {  // what follows /v2/repository
  if (parts.size() == 1 && parts[0] == "index") return only(Ask::index);
  if (parts.size() != 3 || parts[0] != "models") return {};
  if (parts[2] == "load") return of(Ask::load, std::move(parts[1]));
  if (parts[2] == "unload") return of(Ask::unload, std::move(parts[1]));
  return {};
}

Route find(std::string_view target) {
  const std::string_view path = path_of(target);
  if (path == "/") return only(Ask::status_page);
  auto parts = parts_of(path);
  if (!parts) return {};
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::equal(parts->begin(), parts->end(), names.begin(), names.end());
  };
  if (is({"v2"})) return only(Ask::server);
  if (is({"v2", "health", "live"})) return only(Ask::live);
  if (is({"v2", "health", "ready"})) return only(Ask::ready);
  if (is({"v1", "models"})) return only(Ask::models);
  if (is({"v1", "embeddings"})) return only(Ask::embeddings);
  if (is({"metrics"})) return only(Ask::metrics);
  if (is({"status"})) return only(Ask::status_page);
  if (is({"status.json"})) return only(Ask::status);
  if (is({"status", "events"})) return only(Ask::status_events);
  if (parts->size() == 3 && (*parts)[0] == "v1" && (*parts)[1] == "models")
    return of(Ask::one_model, std::move((*parts)[2]));
  if (parts->size() >= 3 && (*parts)[0] == "v2" && (*parts)[1] == "models")
    return of_model({parts->begin() + 2, parts->end()});
  if (parts->size() >= 3 && (*parts)[0] == "v2" && (*parts)[1] == "jobs")
    return of_job({parts->begin() + 2, parts->end()});
  if (parts->size() >= 3 && (*parts)[0] == "v2" && (*parts)[1] == "repository")
    return of_repository({parts->begin() + 2, parts->end()});
  return {};
}

}  // namespace

std::string_view name(Ask ask) noexcept {
  constexpr std::array<std::string_view, asks> names = {
      "live",        "ready",      "server",     "model",       "model_ready", "infer",
      "model_stats", "all_stats",  "index",      "load",        "unload",      "models",
      "one_model",   "embeddings", "metrics",    "status_page", "status",      "status_events",
      "job",         "job_result", "job_events", "unknown"};
  return names[static_cast<std::size_t>(ask)];
}

Route route(std::string_view method, std::string_view target) {
  Route found = find(target);
  const bool posts = found.ask == Ask::infer || found.ask == Ask::embeddings ||
                     found.ask == Ask::index || found.ask == Ask::load || found.ask == Ask::unload;
  const bool reads = method == "GET" || method == "HEAD";
  const bool fits =
      posts ? method == "POST" : reads || (found.ask == Ask::job && method == "DELETE");
  if (found.ask == Ask::unknown || fits) return found;
  found.allow = posts ? "POST" : found.ask == Ask::job ? "GET, HEAD, DELETE" : "GET, HEAD";
  return found;
}

bool is_openai(std::string_view target) noexcept {
  return target.starts_with("/v1/");
}

}  // namespace troupe::gateway
