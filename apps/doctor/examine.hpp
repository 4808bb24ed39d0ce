// The examinations of `troupe doctor`. Each looks at one side of a machine, changes nothing on it,
// and says what it found; none of them stops at the first thing that is wrong.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/doctor/finding.hpp"
#include "config/config.hpp"

namespace troupe::apps::doctor {

// machine.cpp: processors and their instructions, memory, open files, against what the nodes of
// this machine want of them. `config` may be null: then against what any node needs.
void examine_machine(const config::Config* config, const std::vector<std::string>& nodes,
                     Findings& findings);

// devices.cpp: the CPU, the driver, the plug-in and every GPU, each with a product that is compared
// with float64. `devices` are those that a config names; one of them that is not there is wrong.
void examine_devices(const std::vector<std::string>& devices, Findings& findings);

// files.cpp: models, policies, modules and folders that the config names; keys.
void examine_files(const config::Config& config, const std::vector<std::string>& nodes,
                   Findings& findings);

// ports.cpp: whether the nodes can listen where the config says. A port that is in use is right
// where its node runs already, which `is_running` tells.
void examine_ports(const config::Config& config, const std::vector<std::string>& nodes,
                   const std::function<bool(const std::string& node)>& is_running,
                   Findings& findings);

// Those nodes of the config whose host is an address of this machine.
std::vector<std::string> nodes_of_this_machine(const config::Config& config);

}  // namespace troupe::apps::doctor
