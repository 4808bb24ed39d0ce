// What agents remember, kept by their node: it is there again after a restart, and a damaged file
// is a clear error.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/actors/kept_folder.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using nlohmann::json;
using tests::Folder;
using tests::TestCluster;

namespace {

namespace fs = std::filesystem;
constexpr Duration limit = 20s;
constexpr Duration seldom = 1h;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Remembers, under the number that the body says, a vector that points that way; or forgets it.
std::shared_ptr<actors::AgentModule> keepers() {
  return tests::mail_module("keeper", [](Context& context, const AgentMail& mail) {
    const auto document = std::stoull(mail.body);
    std::vector<float> vector(8);
    vector[document % 8] = 1;
    std::string answer = "done";
    if (mail.topic == "forget")
      answer = context.forget(document) ? "forgotten" : "unknown";
    else if (const auto kept = context.remember(document, vector); !kept)
      answer = std::string(name(kept.error().code));
    if (const auto sent = context.reply(mail.from, mail.topic, answer); !sent)
      throw std::runtime_error(sent.error().what);
  });
}

struct Talk {
  Talk(TestCluster& of, actors::NodeOptions options)
      : node(of.start(std::move(options))), client(of.client({"a"})) {}
  std::string ask(const std::string& key, const std::string& topic, int document) {
    REQUIRE(client->send("a", {"keeper", key}, ++number, topic, std::to_string(document)));
    auto mail = client->receive(limit);
    REQUIRE(mail);
    return mail->body;
  }

  std::vector<Hit> recall(const std::string& scope, int direction) {
    TaskRequest task;
    Recall recall{scope, std::vector<float>(8), 10};
    recall.query[static_cast<std::size_t>(direction)] = 1;
    task.work = std::move(recall);
    const auto outcome = client->submit("a", std::move(task), limit);
    REQUIRE(outcome);
    REQUIRE(outcome->result);
    return std::get<Hits>(*outcome->result).hits;
  }

  json status() {
    const auto body = client->control("a", "status", "", limit);
    REQUIRE(body);
    return json::parse(*body)["memory"];
  }

  std::unique_ptr<actors::Node> node;
  std::unique_ptr<tests::TestClient> client;
  std::uint64_t number = 0;
};

actors::NodeOptions options_of(const TestCluster& cluster, const Folder& folder) {
  auto options = cluster.options("a", {keepers()});
  options.keep_memories = {folder.path(), seldom};
  return options;
}

}  // namespace

TEST_CASE("what agents remembered before a restart they know after it") {
  const Folder folder;
  TestCluster cluster{{"a"}};
  std::vector<Hit> before;
  {
    Talk talk(cluster, options_of(cluster, folder));
    CHECK(talk.status()["kept"]["file_bytes"] == 0);
    CHECK(talk.ask("x", "remember", 3) == "done");
    CHECK(talk.ask("x", "remember", 4) == "done");
    CHECK(talk.ask("y", "remember", 11) == "done");
    CHECK(talk.ask("y", "forget", 11) == "forgotten");
    CHECK(talk.ask("y", "forget", 11) == "unknown");
    CHECK(talk.ask("y", "remember", 19) == "done");
    CHECK(talk.status()["kept"]["changed"] == true);
    before = talk.recall("keeper/*", 3);
    REQUIRE(before.size() == 3);  // of ten asked for
  }
  Talk talk(cluster, options_of(cluster, folder));
  CHECK(talk.recall("keeper/*", 3) == before);
  const auto status = talk.status();
  CHECK(status["documents"] == 3);
  CHECK(status["bytes"] > 0);
  CHECK(status["bytes_max"] == std::uint64_t{1} << 30);
  CHECK(status["kept"]["file"] == folder.file());
  CHECK(status["kept"]["file_bytes"] == fs::file_size(folder.file()));
  CHECK(status["kept"]["changed"] == false);
  CHECK(status["kept"]["saved_s_ago"].is_null());
}

TEST_CASE("a saving on demand is on the disk when it is answered") {
  const Folder folder;
  TestCluster cluster{{"a"}};
  Talk talk(cluster, options_of(cluster, folder));
  CHECK(talk.ask("x", "remember", 3) == "done");
  const auto answer = talk.client->control("a", "save", "", limit);
  REQUIRE(answer);
  CHECK(json::parse(*answer)["documents"] == 1);
  CHECK(json::parse(*answer)["changed"] == false);
  // What a crash now would leave.
  const Folder copy;
  fs::create_directories(copy.path());
  fs::copy(folder.file(), copy.file());
  TestCluster other{{"a"}};
  Talk after(other, options_of(other, copy));
  CHECK(after.recall("keeper/x", 3) == talk.recall("keeper/x", 3));
}

TEST_CASE("a node that keeps nothing says so when it is asked to save") {
  TestCluster cluster{{"a"}};
  Talk talk(cluster, cluster.options("a", {keepers()}));
  CHECK_FALSE(talk.status().contains("kept"));
  const auto answer = talk.client->control("a", "save", "", limit);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().what.find("keeps no memories") != std::string::npos);
}

TEST_CASE("a memory file cut short keeps the node from starting and stays as it is") {
  const Folder folder;
  TestCluster cluster{{"a"}};
  {
    Talk talk(cluster, options_of(cluster, folder));
    CHECK(talk.ask("x", "remember", 3) == "done");
    CHECK(talk.ask("y", "remember", 4) == "done");
  }
  fs::resize_file(folder.file(), fs::file_size(folder.file()) - 40);
  const auto cut = read(folder.file());
  NullLog log;
  auto options = options_of(cluster, folder);
  const auto node = actors::Node::start(options, log);
  REQUIRE_FALSE(node);
  CHECK(node.error().code == ErrorCode::malformed);
  CHECK(node.error().what.find(folder.file()) == 0);
  CHECK(node.error().what.find("1 memories with 1 documents are whole") != std::string::npos);
  CHECK(node.error().next_step.find("salvage") != std::string::npos);
  CHECK(read(folder.file()) == cut);

  SECTION("and salvage goes on with what is whole, and loses nothing") {
    options.keep_memories.salvage = true;
    for (const auto* damaged : {".damaged-1", ".damaged-2"}) {
      {
        Talk talk(cluster, options);
        CHECK(talk.recall("keeper/x", 3).size() == 1);
        CHECK(talk.recall("keeper/y", 4).empty());
      }
      CHECK(read(folder.file() + damaged) == cut);
      CHECK(actors::Node::start(options_of(cluster, folder), log));  // it is whole now
      std::ofstream(folder.file(), std::ios::binary) << cut;
    }
  }
}
