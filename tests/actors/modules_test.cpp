// Modules of agents that are shared libraries: what is loaded, what is refused, and why.
#include <filesystem>
#include <fstream>
#include <string>

#include "actors/agent_module.hpp"
#include "actors/module_loader.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::load_agent_module;
using actors::load_agent_modules;

namespace {

std::string built(const std::string& name) {
  return std::string(TROUPE_TEST_MODULES) + "/" + name + ".so";
}

void check_refused(const std::string& file, ErrorCode code, const std::string& why) {
  const auto module = load_agent_module(file);
  REQUIRE_FALSE(module);
  INFO(module.error().to_string());
  CHECK(module.error().code == code);
  CHECK(module.error().what.find(file) != std::string::npos);
  CHECK(module.error().what.find(why) != std::string::npos);
  CHECK_FALSE(module.error().next_step.empty());
}

std::string topic_of(tests::TestClient& client, const std::string& key, const std::string& topic) {
  REQUIRE(client.send("a", {"echo", key}, 1, topic, "body"));
  const auto mail = client.receive(20s);
  REQUIRE(mail);
  return mail->topic + ": " + mail->body;
}

}  // namespace

TEST_CASE("a module's agents live on a node like those that it was built with") {
  const auto module = load_agent_module(built("good"));
  REQUIRE(module);
  tests::TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {*module});
  const auto client = cluster.client({"a"});
  CHECK(topic_of(*client, "x", "hello") == "hello: body");
  CHECK(topic_of(*client, "x", "break").find("as asked") != std::string::npos);
  CHECK(topic_of(*client, "x", "again") == "again: body");
  CHECK(topic_of(*client, "x", "break").find("as asked") != std::string::npos);
}

TEST_CASE("what cannot be a module says why, and what to do") {
  const auto text = (std::filesystem::path(TROUPE_TEST_MODULES) / "text.so").string();
  std::ofstream(text) << "no library at all\n";
  check_refused(built("nowhere"), ErrorCode::not_found, "there is no module");
  check_refused(text, ErrorCode::malformed, "cannot be loaded");
  check_refused(built("no_door"), ErrorCode::malformed, "no module of agents");
  check_refused(built("throws"), ErrorCode::handler_failed, "no disk");
  check_refused(built("makes_none"), ErrorCode::handler_failed, "made none");
  check_refused(built("reserved"), ErrorCode::unsupported, "'client' cannot be a type");
}

TEST_CASE("a module that was built for another troupe is refused before it is called") {
  check_refused(built("wrong_version"), ErrorCode::unsupported, "agents 0, of long ago");
  check_refused(built("wrong_version"), ErrorCode::unsupported, actors::agent_interface);
}

TEST_CASE("a type has one maker") {
  const auto taken = load_agent_modules({built("good"), built("also_echo")}, {});
  REQUIRE_FALSE(taken);
  CHECK(taken.error().what.find("good.so' makes already") != std::string::npos);
  const auto twice = load_agent_modules({built("good"), built("good")}, {});
  REQUIRE_FALSE(twice);
  const auto ours = tests::mail_module("echo", [](actors::Context&, const actors::AgentMail&) {});
  const auto built_in = load_agent_modules({built("good")}, {ours});
  REQUIRE_FALSE(built_in);
  CHECK(built_in.error().what.find("this program makes itself") != std::string::npos);
  CHECK(load_agent_modules({built("good")}, {})->size() == 1);
}
