#include "transport/rotation.hpp"

#include "tests/transport/key_folder.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;
namespace fs = std::filesystem;
using Step = Result<Rotation> (*)(const std::string&, const std::string&);

namespace {

// A folder with the keys of "a", and what is in it.
struct Keys : Folder {
  KeyPair first = keys();

  Keys() { REQUIRE(write_keys(path, "a", first, Role::read_only)); }

  [[nodiscard]] Result<Rotation> take(Step step) const { return step(path, "a"); }
  [[nodiscard]] RotationStage stage_after(Step step) const {
    const auto done = take(step);
    INFO((done ? "" : done.error().to_string()));
    REQUIRE(done);
    return done->stage;
  }
  [[nodiscard]] PublicFile pub() const { return *read_public_file(path + "/a.pub"); }
  [[nodiscard]] PublicKey own() const { return read_key_file(path + "/a.key")->public_key; }
  [[nodiscard]] bool has(const std::string& file) const { return fs::exists(path + "/" + file); }
};

}  // namespace

TEST_CASE("a rotation gives a name two keys, then the next one, then only that") {
  const Keys keys;
  CHECK(keys.stage_after(begin_rotation) == RotationStage::begun);
  const PublicFile both = keys.pub();
  CHECK(both.key == keys.first.public_key);
  REQUIRE(both.next);
  CHECK(both.role == Role::read_only);
  CHECK(keys.own() == keys.first.public_key);
  CHECK(mode_of(keys.path + "/a.key.next") == 0600);
  CHECK(text_of(keys.path + "/a.pub").starts_with("# The public key of a"));

  CHECK(keys.stage_after(switch_rotation) == RotationStage::switched);
  CHECK(keys.own() == *both.next);
  CHECK(!keys.has("a.key.next"));
  CHECK(keys.pub() == both);
  CHECK(mode_of(keys.path + "/a.key") == 0600);

  CHECK(keys.stage_after(finish_rotation) == RotationStage::none);
  CHECK(keys.pub() == PublicFile{*both.next, {}, Role::read_only});
  CHECK(keys.own() == *both.next);

  CHECK(keys.stage_after(begin_rotation) == RotationStage::begun);  // and once more
  CHECK(keys.pub().next != both.next);
}

TEST_CASE("a step that is taken again changes nothing") {
  const Keys keys;
  CHECK(keys.stage_after(finish_rotation) == RotationStage::none);
  CHECK(keys.pub().key == keys.first.public_key);
  REQUIRE(keys.take(begin_rotation));
  const PublicFile begun = keys.pub();
  CHECK(keys.stage_after(begin_rotation) == RotationStage::begun);
  CHECK(keys.pub() == begun);
  REQUIRE(keys.take(switch_rotation));
  const PublicKey own = keys.own();
  CHECK(keys.stage_after(switch_rotation) == RotationStage::switched);
  CHECK(keys.stage_after(begin_rotation) == RotationStage::switched);
  CHECK(keys.own() == own);
  CHECK(keys.pub() == begun);
  REQUIRE(keys.take(finish_rotation));
  CHECK(keys.stage_after(finish_rotation) == RotationStage::none);
  CHECK(keys.pub().key == own);
}

TEST_CASE("a step out of turn is refused with the one whose turn it is") {
  const Keys keys;
  auto refused = keys.take(switch_rotation);
  REQUIRE(!refused);
  CHECK(mentions(refused.error(), "no rotation of 'a' has begun"));
  REQUIRE(keys.take(begin_rotation));
  refused = keys.take(finish_rotation);
  REQUIRE(!refused);
  CHECK(mentions(refused.error(), "--switch"));
  CHECK(keys.pub().key == keys.first.public_key);
  CHECK(keys.has("a.key.next"));
}

TEST_CASE("a rotation that was interrupted goes on where it was") {
  const Keys keys;
  const std::string pub = text_of(keys.path + "/a.pub");
  REQUIRE(keys.take(begin_rotation));
  const PublicFile begun = keys.pub();
  write(keys.path + "/a.pub", pub, 0644);  // killed after the pair was made
  CHECK(keys.stage_after(begin_rotation) == RotationStage::begun);
  CHECK(keys.pub() == begun);                          // with that pair, not with another
  write(keys.path + "/a.pub.new", "half a fi", 0644);  // killed while a file was replaced
  REQUIRE(keys.take(switch_rotation));
  REQUIRE(keys.take(finish_rotation));
  CHECK(keys.pub().key == *begun.next);
  CHECK(!keys.has("a.pub.new"));
}

TEST_CASE("files that do not belong together are told, and are left as they are") {
  const auto step = GENERATE(Step(begin_rotation), Step(switch_rotation), Step(finish_rotation));
  const Keys keys;
  REQUIRE(keys.take(begin_rotation));
  const std::string pub = text_of(keys.path + "/a.pub");
  SECTION("the next pair is somewhere else") {
    fs::remove(keys.path + "/a.key.next");
    CHECK(mentions(keys.take(step).error(), "a.key.next"));
  }
  SECTION("the next pair is another one") {
    fs::remove(keys.path + "/a.key.next");
    REQUIRE(write_next_key(keys.path, "a", testing::keys()));
    CHECK(!keys.take(step));
  }
  SECTION("the pair is another one") {
    fs::remove(keys.path + "/a.key");
    REQUIRE(write_keys(keys.path, "b", testing::keys()));
    fs::rename(keys.path + "/b.key", keys.path + "/a.key");
    CHECK(mentions(keys.take(step).error(), "do not belong together"));
  }
  SECTION("the pair is on another machine") {
    fs::remove(keys.path + "/a.key");
    CHECK(keys.take(step).error().code == ErrorCode::not_found);
  }
  SECTION("others can read the next pair") {
    REQUIRE(::chmod((keys.path + "/a.key.next").c_str(), 0644) == 0);
    CHECK(mentions(keys.take(step).error(), "chmod 600"));
  }
  CHECK(text_of(keys.path + "/a.pub") == pub);
}

TEST_CASE("what has no keys, or no name of a file, is not rotated") {
  const Keys keys;
  for (const char* name : {"b", "../a", "", "a/b"}) {
    CHECK(!begin_rotation(keys.path, name));
    CHECK(!switch_rotation(keys.path, name));
    CHECK(!finish_rotation(keys.path, name));
  }
  CHECK(!keys.has("b.key.next"));
}
