#include "config/cluster_keys.hpp"

#include "tests/config/config_text.hpp"
#include "tests/transport/key_folder.hpp"

using namespace troupe;
using namespace troupe::config;
using transport::PublicFile;
using transport::Role;
using transport::testing::Folder;
using transport::testing::mentions;
using transport::testing::write;

namespace {

// The keys of node "a" and of a client, to which a test adds.
struct Keys : Folder {
  Config config = test::load(test::one_node)->config;
  transport::PublicKey a = add("a", {});
  transport::PublicKey client = add("client", {});

  transport::PublicKey add(const std::string& name, std::optional<Role> role) const {
    const auto pair = transport::testing::keys();
    REQUIRE(transport::write_keys(path, name, pair, role));
    return pair.public_key;
  }
  [[nodiscard]] Result<ClusterKeys> read() const { return read_cluster_keys(config, path); }
  [[nodiscard]] std::string pub(const std::string& name) const {
    return path + "/" + name + ".pub";
  }
};

const transport::AllowedKey* find(const ClusterKeys& keys, const transport::PublicKey& key) {
  for (const auto& one : keys.allowed)
    if (one.key == key) return &one;
  return nullptr;
}

}  // namespace

TEST_CASE("a node is who the config says, the others are what their files say") {
  const Keys keys;
  const auto viewer = keys.add("viewer", Role::read_only);
  const auto old_style = keys.add("laptop", {});
  const auto explicit_one = keys.add("desk", Role::client);
  const auto read = keys.read();
  REQUIRE(read);
  CHECK(read->allowed.size() == 5);
  CHECK(find(*read, keys.a)->role == Role::node);
  CHECK(find(*read, keys.client)->role == Role::client);
  CHECK(find(*read, old_style)->role == Role::client);
  CHECK(find(*read, explicit_one)->role == Role::client);
  CHECK(find(*read, viewer)->role == Role::read_only);
  CHECK(find(*read, viewer)->name == "viewer");
}

TEST_CASE("both halves of a key that is rotated are admitted, under one name and role") {
  const Keys keys;
  const auto next_a = transport::testing::keys().public_key;
  const auto next_viewer = transport::testing::keys().public_key;
  const auto viewer = keys.add("viewer", Role::read_only);
  REQUIRE(transport::replace_public_file(keys.pub("a"), {keys.a, next_a, {}}));
  REQUIRE(
      transport::replace_public_file(keys.pub("viewer"), {viewer, next_viewer, Role::read_only}));
  const auto read = keys.read();
  REQUIRE(read);
  CHECK(read->nodes.at("a") == std::vector<transport::PublicKey>{keys.a, next_a});
  CHECK(find(*read, next_a)->role == Role::node);
  CHECK(find(*read, next_viewer)->role == Role::read_only);
  CHECK(find(*read, next_viewer)->name == "viewer");
}

TEST_CASE("a role that does not fit, a key that two have and a folder that is not there are told") {
  const Keys keys;
  const auto refused = [&](const std::string& name, const PublicFile& file) {
    write(keys.pub(name), "", 0644);
    REQUIRE(transport::replace_public_file(keys.pub(name), file));
    const auto read = keys.read();
    REQUIRE(!read);
    CHECK(read.error().code == ErrorCode::config);
    CHECK(!read.error().next_step.empty());
    return read.error();
  };
  const auto another = transport::testing::keys().public_key;
  CHECK(mentions(refused("a", {keys.a, {}, Role::read_only}), "a.pub"));
  CHECK(mentions(refused("a", {keys.a, {}, Role::client}), "client"));
  REQUIRE(transport::replace_public_file(keys.pub("a"), {keys.a, {}, Role::node}));
  CHECK(keys.read());
  CHECK(mentions(refused("x", {another, {}, Role::node}), "no node"));
  CHECK(mentions(refused("x", {keys.client, {}, {}}), "'client' and 'x'"));
  CHECK(mentions(refused("x", {another, keys.a, {}}), "'a' and 'x'"));
  std::filesystem::remove(keys.pub("x"));
  CHECK(keys.read());
  CHECK(!read_cluster_keys(keys.config, keys.path + "/nowhere"));
}
