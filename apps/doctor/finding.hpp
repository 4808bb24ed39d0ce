// What `troupe doctor` found out about one thing: a line for people, the same as fields for
// programs.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::apps::doctor {

enum class Verdict : std::uint8_t {
  good,
  note,   // worth knowing; what the config asks for works all the same
  wrong,  // something that the config asks for, or that every node needs, cannot work
};

struct Finding {
  std::string about = {};  // "device cpu"
  Verdict verdict = Verdict::good;
  std::string says = {};
  std::string next_step = {};  // of what is not good
  nlohmann::json facts = nlohmann::json::object();
};

using Findings = std::vector<Finding>;

// "23.5 GiB".
inline std::string gibibytes(std::uint64_t bytes) {
  constexpr std::uint64_t gibi = std::uint64_t{1} << 30;
  const std::uint64_t tenths = bytes / (gibi / 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

inline Finding wrong(std::string about, const Error& why) {
  return {std::move(about), Verdict::wrong, why.what, why.next_step, {{"code", name(why.code)}}};
}

}  // namespace troupe::apps::doctor
