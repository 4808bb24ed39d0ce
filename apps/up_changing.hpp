// What `troupe up` does when it is told to read its file again (SIGHUP): it starts the nodes that
// are new in it, takes those out of service that are gone from it, and lets the others know.
//
// A node that is gone is drained first, while the others still know it, so that what it has is
// done; only then do they forget it, and it ends. Nothing changes for a file with a mistake in it.
#pragma once

#include "apps/cluster.hpp"
#include "apps/interrupts.hpp"
#include "apps/processes.hpp"
#include "base/log.hpp"

namespace troupe::apps {

// `cluster` becomes what the file says now. Takes up to a minute for each node that is gone,
// and supervises the others meanwhile. Says in the log what it did and what went wrong; what could
// not be done is done at the next time. False when a node has used up its restarts.
bool change_cluster(const ConfigOptions& options, Cluster& cluster, ClusterProcesses& processes,
                    Interrupts& interrupts, Log& log);

}  // namespace troupe::apps
