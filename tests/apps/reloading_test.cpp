#include "apps/reloading.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps;
using transport::AllowedKey;
using transport::Role;
using Names = std::vector<std::string>;

TEST_CASE("keys of a config that differ are named, whichever side has them") {
  CHECK(changed_keys({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"b", "2"}, {"c", "4"}, {"d", "5"}}) ==
        Names{"a", "c", "d"});
  CHECK(changed_keys({{"a", "1"}}, {{"a", "1"}}).empty());
}

TEST_CASE("what a new allow-list changes is told by name") {
  const AllowedKey a{{"key of a"}, "a", Role::node};
  const AllowedKey next{{"next key of a"}, "a", Role::node};
  const AllowedKey client{{"key of client"}, "client", Role::client};
  const AllowedKey viewer{{"key of client"}, "client", Role::read_only};
  const AllowedKey other{{"key of client"}, "somebody else", Role::client};

  CHECK(key_changes({a, client}, {client, a}).none());
  CHECK(key_changes({a}, {a, client}).added == Names{"client"});
  CHECK(key_changes({a, client}, {a}).removed == Names{"client"});
  CHECK(key_changes({a, client}, {a, viewer}).changed == Names{"client"});

  const auto begun = key_changes({a}, {a, next});
  CHECK((begun.added == Names{"a (next key)"} && begun.removed.empty()));
  const auto finished = key_changes({a, next}, {next});
  CHECK((finished.added.empty() && finished.removed == Names{"a (old key)"}));
  const auto replaced = key_changes({a}, {next});  // without a time in which both are good
  CHECK((replaced.added == Names{"a"} && replaced.removed == Names{"a"}));
  const auto renamed = key_changes({client}, {other});
  CHECK((renamed.added == Names{"somebody else"} && renamed.removed == Names{"client"}));
}

TEST_CASE("what a new list of nodes changes is told by name") {
  const auto node = [](std::string name, std::string host) {
    actors::ClusterNode one;
    one.name = std::move(name);
    one.endpoint.host = std::move(host);
    return one;
  };
  const auto a = node("a", "127.0.0.1");
  const auto b = node("b", "127.0.0.1");
  const auto elsewhere = node("b", "127.0.0.2");
  auto with_key = b;
  with_key.keys.push_back({"another key"});
  CHECK(node_changes({a, b}, {b, a}).none());
  CHECK(node_changes({a, b}, {a, with_key}).none());  // that is told of the keys
  CHECK(node_changes({a}, {a, b}).joined == Names{"b"});
  CHECK(node_changes({a, b}, {a}).left == Names{"b"});
  const auto moved = node_changes({a, b}, {a, elsewhere});
  CHECK((moved.moved == Names{"b"} && moved.joined.empty() && moved.left.empty()));
}
