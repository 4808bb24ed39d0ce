// What every device must do, whatever it runs on: the same questions to all of them, the answers
// held against the float64 reference. Each device's test calls these from a case of its own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/device.hpp"
#include "kernels/memory.hpp"
#include "kernels/policy.hpp"

namespace troupe::kernels::test {

// What a device is opened with.
struct Holds {
  std::vector<std::shared_ptr<const BertModel>> models;
  std::vector<ServedPolicy> policies;
  std::shared_ptr<const MemoryStore> memory;
};

struct Subject {
  std::function<std::unique_ptr<Device>(Holds)> open;
  double vector_error_max;  // distance of a unit vector from the reference's
  double scores_error_max;  // of a label's score
};

// Texts become unit vectors, in order, each as it would alone, and scores of labels.
void check_encoding(const Subject& subject);
void check_classifying(const Subject& subject);
// Recalls over memories of all formats, which agents change in between, in both lanes.
void check_recalling(const Subject& subject);
void check_recalling_while_agents_remember(const Subject& subject);
void check_what_is_recalled_stays(const Subject& subject);
// Decisions by all rules, in both lanes.
void check_deciding(const Subject& subject);
// What is wrong with one item hurts no other; what a device can never run is refused at the door.
void check_bad_items(const Subject& subject);
void check_bad_batches(const Subject& subject);
// Models that give what is not a number are found out.
void check_damaged_models(const Subject& subject);

}  // namespace troupe::kernels::test
