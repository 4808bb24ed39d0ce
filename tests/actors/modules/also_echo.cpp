#include "tests/actors/modules/by_hand.hpp"

using Echo = troupe::tests::Typed<'e', 'c', 'h', 'o'>;
TROUPE_AGENT_MODULE(Echo);
