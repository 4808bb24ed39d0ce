// troupe replay FILE: runs a recording through a fresh scheduler and compares its decisions.
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/verbs.hpp"
#include "scheduler/journal.hpp"

namespace troupe::apps {
namespace {

std::string hex(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

int run_replay(const ReplayOptions& options, Output& output) {
  std::ifstream file(options.file, std::ios::binary);
  std::string recording{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    return output.fail({ErrorCode::io, "cannot read " + options.file,
                        "name a file that `troupe up --record` wrote"});
  const auto replayed = scheduler::replay(recording);
  if (!replayed) return output.fail(replayed.error());

  const bool same = !replayed->differs_after;
  std::string text = std::to_string(replayed->events) + " events, " +
                     std::to_string(replayed->decisions) + " decisions, hash " +
                     hex(replayed->hash) + ", " + std::to_string(replayed->checkpoints) +
                     " checkpoints";
  if (!replayed->complete) text += "; the recording ends in the middle";
  text += same ? "\nthe same decisions as recorded"
               : "\nthe decisions DIFFER, at the latest after call " +
                     std::to_string(*replayed->differs_after);
  output.text(text);
  nlohmann::json differs = nullptr;
  if (!same) differs = *replayed->differs_after;
  output.object({{"events", replayed->events},
                 {"calls", replayed->calls},
                 {"decisions", replayed->decisions},
                 {"hash", hex(replayed->hash)},
                 {"checkpoints", replayed->checkpoints},
                 {"complete", replayed->complete},
                 {"same", same},
                 {"differs_after", differs}});
  return same ? exit_ok : exit_failed;
}

}  // namespace troupe::apps
