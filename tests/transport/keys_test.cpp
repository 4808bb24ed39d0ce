#include "transport/keys.hpp"

#include "tests/transport/key_folder.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;
namespace fs = std::filesystem;

TEST_CASE("keys come back from their files as they were made") {
  const Folder folder;
  const KeyPair made = keys();
  REQUIRE(write_keys(folder.path, "node-a", made));
  auto pair = read_key_file(folder.path + "/node-a.key");
  REQUIRE(pair);
  CHECK(pair->public_key == made.public_key);
  CHECK(pair->secret_z85 == made.secret_z85);
  auto published = read_public_file(folder.path + "/node-a.pub");
  REQUIRE(published);
  CHECK(*published == PublicFile{made.public_key, {}, {}});
  CHECK(text_of(folder.path + "/node-a.pub").find(made.secret_z85) == std::string::npos);
}

TEST_CASE("every key pair is another one") {
  CHECK(keys().secret_z85 != keys().secret_z85);
}

TEST_CASE("secrets are for their owner's eyes only, from the first moment") {
  const Folder folder;
  const auto before = ::umask(0);
  const std::string below = folder.path + "/state/troupe/keys";
  const auto written = write_keys(below, "node-a", keys());
  ::umask(before);
  REQUIRE(written);
  CHECK(mode_of(below) == 0700);
  CHECK(mode_of(folder.path + "/state") == 0700);
  CHECK(mode_of(below + "/node-a.key") == 0600);
  CHECK(mode_of(below + "/node-a.pub") == 0644);
}

TEST_CASE("keys are never overwritten, nor written through a link") {
  const Folder folder;
  const KeyPair first = keys();
  REQUIRE(write_keys(folder.path, "node-a", first));
  auto again = write_keys(folder.path, "node-a", keys());
  REQUIRE(!again);
  CHECK(again.error().code == ErrorCode::io);
  CHECK(mentions(again.error(), "already exists"));
  CHECK(!again.error().next_step.empty());
  CHECK(read_key_file(folder.path + "/node-a.key")->secret_z85 == first.secret_z85);

  REQUIRE(::symlink((folder.path + "/elsewhere").c_str(), (folder.path + "/b.key").c_str()) == 0);
  CHECK(!write_keys(folder.path, "b", keys()));
  CHECK(!fs::exists(folder.path + "/elsewhere"));

  // Half a pair is taken back.
  write(folder.path + "/c.pub", "in the way", 0644);
  CHECK(!write_keys(folder.path, "c", keys()));
  CHECK(!fs::exists(folder.path + "/c.key"));
}

TEST_CASE("a private file that others can read is refused, with the way out") {
  const Folder folder;
  REQUIRE(write_keys(folder.path, "a", keys()));
  const std::string path = folder.path + "/a.key";
  for (const mode_t mode : {0640U, 0604U, 0620U, 0644U, 0666U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    auto read = read_key_file(path);
    REQUIRE(!read);
    CHECK(read.error().next_step == "chmod 600 " + path);
  }
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(read_key_file(path));
}

TEST_CASE("somebody else's private file is refused") {
  if (::geteuid() != 0) return;  // only root can give a file away
  const Folder folder;
  REQUIRE(write_keys(folder.path, "a", keys()));
  const std::string path = folder.path + "/a.key";
  REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
  auto read = read_key_file(path);
  REQUIRE(!read);
  CHECK(mentions(read.error(), "belongs to another user"));
}

TEST_CASE("a missing, strange or damaged key file is told apart, and no secret is repeated") {
  const Folder folder;
  const KeyPair good = keys();
  const std::string path = folder.path + "/x.key";
  const auto public_line = "public = \"" + good.public_key.z85 + "\"\n";
  const auto secret_line = "secret = \"" + good.secret_z85 + "\"\n";

  auto missing = read_key_file(path);
  REQUIRE(!missing);
  CHECK(missing.error().code == ErrorCode::io);
  CHECK(mentions(missing.error(), path));
  CHECK(mentions(missing.error(), "troupe keys"));

  for (const std::string& text :
       {std::string(), std::string("\n# only a comment\n"), public_line, secret_line,
        public_line + secret_line + secret_line, public_line + secret_line + "more = \"1\"\n",
        public_line + secret_line.substr(0, 20), public_line + "secret = " + good.secret_z85 + "\n",
        public_line + "secret = \"" + good.secret_z85.substr(1) + "\"\n",
        public_line + "secret = \"~" + good.secret_z85.substr(1) + "\"\n",
        public_line + secret_line + std::string(5000, '#'), std::string(300, '\0')}) {
    write(path, text);
    auto read = read_key_file(path);
    REQUIRE(!read);
    CHECK(!read.error().next_step.empty());
    CHECK(mentions(read.error(), path));
    CHECK(!mentions(read.error(), good.secret_z85.substr(1, 10)));
  }

  write(path,
        "\n  # as people edit\r\n" + secret_line + "\tpublic=\"" + good.public_key.z85 + "\"");
  CHECK(read_key_file(path));

  CHECK(!read_key_file(folder.path));
  REQUIRE(::mkfifo((folder.path + "/pipe.key").c_str(), 0600) == 0);
  CHECK(!read_key_file(folder.path + "/pipe.key"));
}

TEST_CASE("halves of two different pairs are noticed") {
  const Folder folder;
  const KeyPair one = keys();
  const KeyPair other = keys();
  const std::string path = folder.path + "/x.key";
  write(path, "public = \"" + one.public_key.z85 + "\"\nsecret = \"" + other.secret_z85 + "\"\n");
  auto read = read_key_file(path);
  REQUIRE(!read);
  CHECK(mentions(read.error(), "do not belong together"));
  CHECK(!check_keys({one.public_key, other.secret_z85}));
  CHECK(!write_keys(folder.path, "y", {one.public_key, other.secret_z85}));
  CHECK(check_keys(one));
}

TEST_CASE("a secret in a public file is refused") {
  const Folder folder;
  const KeyPair pair = keys();
  REQUIRE(write_keys(folder.path, "a", pair));
  fs::rename(folder.path + "/a.key", folder.path + "/b.pub");
  auto read = read_public_file(folder.path + "/b.pub");
  REQUIRE(!read);
  CHECK(mentions(read.error(), "secret"));
}

TEST_CASE("a public key is 40 characters of Z85 and nothing else") {
  const std::string good = keys().public_key.z85;
  CHECK(parse_public_key(good));
  CHECK(!parse_public_key(""));
  CHECK(!parse_public_key(good.substr(1)));
  CHECK(!parse_public_key(good + "0"));
  CHECK(!parse_public_key(good.substr(1) + "~"));
  CHECK(!parse_public_key(good.substr(1) + std::string(1, '\0')));
  CHECK(!parse_public_key(std::string(40, '#')));  // more than 32 bytes can hold
}

TEST_CASE("a name that is no file name makes no keys") {
  const Folder folder;
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "../a", "a b", "a\n"}) {
    auto written = write_keys(folder.path, name, keys());
    REQUIRE(!written);
    CHECK(written.error().code == ErrorCode::invalid_argument);
  }
  CHECK(fs::is_empty(folder.path));
}

TEST_CASE("a folder that cannot be made is told") {
  const Folder folder;
  write(folder.path + "/file", "");
  auto written = write_keys(folder.path + "/file/below", "a", keys());
  REQUIRE(!written);
  CHECK(written.error().code == ErrorCode::io);
  CHECK(!write_keys(folder.path + "/file", "a", keys()));
}

TEST_CASE("a .pub file may say a role and a next key, and an older one says neither") {
  const Folder folder;
  const PublicKey key = keys().public_key;
  const PublicKey next = keys().public_key;
  const std::string path = folder.path + "/x.pub";
  const auto read = [&](const std::string& text) {
    write(path, text, 0644);
    return read_public_file(path);
  };
  const std::string first = "# mine\npublic = \"" + key.z85 + "\"\n";
  const std::string second = "next = \"" + next.z85 + "\"\n";
  CHECK(*read(first) == PublicFile{key, {}, {}});
  CHECK(*read(first + "role = \"read-only\"\n") == PublicFile{key, {}, Role::read_only});
  CHECK(*read("role=\"client\"\r\n" + second + first) == PublicFile{key, next, Role::client});
  CHECK(read(first + second)->halves() == std::vector<PublicKey>{key, next});

  for (const char* role :
       {"\"admin\"", "\"Read-Only\"", "\"\"", "read-only", "\"client\" # c", "7"}) {
    const auto refused = read(first + "role = " + role + "\n");
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK(mentions(refused.error(), path));
    CHECK(mentions(refused.error(), "read-only"));
  }
  for (const std::string& text :
       {second, first + second + second, first + "role = \"client\"\nrole = \"client\"\n",
        first + "next = \"" + key.z85 + "\"\n", first + "next = \"short\"\n", first + "next\n",
        first + "nextt = \"" + next.z85 + "\"\n"}) {
    const auto refused = read(text);
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::malformed);
  }
}

TEST_CASE("a private file says no role and no next key") {
  const Folder folder;
  REQUIRE(write_keys(folder.path, "a", keys(), Role::read_only));
  const std::string good = text_of(folder.path + "/a.key");
  CHECK(read_public_file(folder.path + "/a.pub")->role == Role::read_only);
  for (const std::string& more :
       {std::string("role = \"client\"\n"), "next = \"" + keys().public_key.z85 + "\"\n"}) {
    write(folder.path + "/b.key", good + more);
    CHECK(!read_key_file(folder.path + "/b.key"));
  }
}

TEST_CASE("words are roles only as they are written") {
  for (const Role role : {Role::node, Role::client, Role::read_only})
    CHECK(*parse_role(name(role)) == role);
  for (const char* word : {"", "Client", "read_only", "readonly", "node "})
    CHECK(!parse_role(word));
}
