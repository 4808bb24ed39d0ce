#include "tests/actors/modules/by_hand.hpp"

using Client = troupe::tests::Typed<'c', 'l', 'i', 'e', 'n', 't'>;
TROUPE_AGENT_MODULE(Client);
