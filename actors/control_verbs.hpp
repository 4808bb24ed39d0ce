// The verbs that a node answers itself when it is asked on its link, in one place: which only look,
// and which change something. Those of processes that host agents are in host_verbs.hpp.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace troupe::actors {

struct ControlVerb {
  std::string_view name;
  bool only_looks = false;
};

inline constexpr auto control_verbs = std::to_array<ControlVerb>({
    {"agents", true},
    {"cancel", false},
    {"drain", false},
    {"explain", true},
    {"load", false},
    {"reload", false},
    {"save", false},
    {"status", true},
    {"stop", false},
    {"task", true},
    {"undrain", false},
    {"unload", false},
});

}  // namespace troupe::actors
