// From two statuses to rates, and from rates to a screen: all of `troupe top` but the terminal.
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/top/screen.hpp"
#include "apps/top/view.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps;
using nlohmann::json;

namespace {

json status(const std::string& name) {
  std::ifstream file(TROUPE_SOURCE_DIR "/tests/data/status/" + name + ".json");
  return json::parse(file);
}

Look look(const json& of) {
  auto sample = read_sample(of.dump());
  INFO(of.dump());
  REQUIRE(sample);
  return {"a", std::move(*sample), ""};
}

NodeView two_seconds() {
  const Look before = look(status("before"));
  return view_between(&before, look(status("after")));
}

std::string screen_of(const ClusterView& view, std::size_t columns) {
  std::string text;
  for (const Line& line : render(view, columns)) text += plain_text(line) + "\n";
  return text;
}

}  // namespace

TEST_CASE("rates are what came to the counts, by the node's own time") {
  const NodeView view = two_seconds();
  REQUIRE(view.interval_s == 2.0);
  const LaneView& urgent = view.lanes[0];
  const LaneView& ordinary = view.lanes[1];
  CHECK(urgent.accepted_per_s == 20.0);
  CHECK(urgent.completed_per_s == 15.0);
  CHECK(urgent.batches_per_s == 14.0);
  CHECK(urgent.yields_per_s == 10.0);
  CHECK(ordinary.accepted_per_s == 400.0);
  CHECK(ordinary.completed_per_s == 300.0);
  CHECK(view.launches_per_s ==
        std::map<std::string, double>{{"enough", 5.0}, {"full", 25.0}, {"urgent", 14.0}});
  CHECK(view.inside_per_s == 10.0);
  CHECK(view.busy[0] == 0.75);
  CHECK(view.busy[1] == 0.0);
  CHECK(view.tenants_per_s[0] == 300.0);
  CHECK(view.sent_per_s == 5.0);
  CHECK(view.received_per_s == 25.0);
}

TEST_CASE("percentiles are those of the interval alone, where something was done in it") {
  const NodeView view = two_seconds();
  CHECK(view.lanes[0].percentiles_of_interval);
  CHECK(view.lanes[0].p50_ms == 2.048);  // 20 of 30 took that; since the start it is 5
  CHECK(view.lanes[0].p99_ms == 5.12);
  const Look once = look(status("after"));
  json quiet = status("after");
  quiet["uptime_s"] = 103.0;
  const NodeView nothing_done = view_between(&once, look(quiet));
  CHECK_FALSE(nothing_done.lanes[0].percentiles_of_interval);
  CHECK(nothing_done.lanes[0].p99_ms == 9.0);
  CHECK(nothing_done.lanes[0].completed_per_s == 0.0);
}

TEST_CASE("the share of the time in the queue that was for company is the interval's") {
  const NodeView view = two_seconds();
  CHECK(view.lanes[1].company_share == 0.25);
  CHECK(view.lanes[0].company_share == 0.0);
}

TEST_CASE("too late is who expired or was infeasible, of all that ended") {
  const NodeView view = two_seconds();
  CHECK(view.lanes[0].late == 10);
  CHECK(view.lanes[0].ended == 40);
  CHECK(view.lanes[0].late_share == 0.25);
  CHECK(view.lanes[1].late_share == 0.0);
}

TEST_CASE("refusals are counted by code, and those at the door with them") {
  const NodeView view = two_seconds();
  REQUIRE(view.refusals.size() == 3);
  CHECK(view.refusals[0].lane == "ordinary");
  CHECK(view.refusals[0].code == "queue_full");
  CHECK(view.refusals[0].at_the_door);
  CHECK(view.refusals[0].per_s == 10.0);
  CHECK(view.refusals[0].since_start == 24);
  CHECK(view.refusals[1].code == "infeasible");
  CHECK(view.refusals[1].per_s == 3.0);
  CHECK(view.refusals[2].code == "expired");
  CHECK(view.refusals[2].per_s == 2.0);
}

TEST_CASE("the fill of batches is the interval's, or since the start where none was launched") {
  const NodeView view = two_seconds();
  CHECK(view.lanes[1].batch_tasks == std::map<std::uint64_t, std::uint64_t>{{16, 60}});
  CHECK(view.lanes[1].batch_tasks_of_interval);
  const NodeView first = view_between(nullptr, look(status("after")));
  CHECK(first.lanes[1].batch_tasks == std::map<std::uint64_t, std::uint64_t>{{8, 50}, {16, 110}});
  CHECK_FALSE(first.lanes[1].batch_tasks_of_interval);
}

TEST_CASE("there are no rates from a first look, over a restart, or where no time has passed") {
  const Look after = look(status("after"));
  json restarted = status("after");
  restarted["epoch"] = 8;
  restarted["uptime_s"] = 200.0;
  for (const NodeView& view :
       {view_between(nullptr, after), view_between(&after, after),
        view_between(&after, look(restarted)), view_between(&after, look(status("before")))}) {
    CHECK_FALSE(view.interval_s);
    CHECK_FALSE(view.lanes[0].accepted_per_s);
    CHECK_FALSE(view.lanes[0].late_share);
    CHECK_FALSE(view.busy[0]);
    CHECK(view.launches_per_s.empty());
    REQUIRE(view.now);
  }
  const Look gone{"a", std::nullopt, "no answer"};
  CHECK_FALSE(view_between(&gone, after).interval_s);
  const NodeView silent = view_between(&after, gone);
  CHECK_FALSE(silent.now);
  CHECK(silent.error == "no answer");
}

TEST_CASE("a status that is nonsense is an error, one that lacks a field is not") {
  for (const char* wrong : {"", "{", "[]", "7", "null", "{}", R"({"epoch":"x"})"}) {
    INFO(wrong);
    const auto sample = read_sample(wrong);
    REQUIRE_FALSE(sample);
    CHECK(sample.error().code == ErrorCode::malformed);
  }
  for (const auto& [pointer, nonsense] :
       {std::pair<const char*, json>{"/lanes/urgent/total_ms/ranges_us", {{"x", 1}}},
        {"/lanes/urgent/total_ms/ranges_us", json::array({json::array({1})})},
        {"/lanes/urgent/failed", json::array({1})},
        {"/agents", json{{"x", "many"}}},
        {"/devices", json::array({7})},
        {"/lanes", json::array()},
        {"/memory", 7}}) {
    json broken = status("after");
    broken[json::json_pointer(pointer)] = nonsense;
    INFO(pointer << " " << nonsense);
    CHECK_FALSE(read_sample(broken.dump()));
  }
  json old = status("after");  // of a node that knows less
  old.erase("tenants");
  old["lanes"]["urgent"].erase("turned_away");
  old["lanes"]["urgent"]["total_ms"].erase("ranges_us");
  const auto sample = read_sample(old.dump());
  REQUIRE(sample);
  CHECK(sample->tenants.empty());
  CHECK(sample->lanes[0].total.p99_ms == 9.0);
}

TEST_CASE("the screen shows what is done and why") {
  const std::string screen = screen_of({"test", {two_seconds()}}, 120);
  INFO(screen);
  for (const char* part : {"test  1 node\n",
                           "a  ready  up 102 s  peers: b up",
                           "400",
                           "300",
                           "20.5 ms",
                           "2.05 ms",
                           "31",
                           "ordinary 25 % of the time in the queue was for company",
                           "full 25.0",
                           "urgent 14.0",
                           "inside a running batch 10.0",
                           "9-16: 100 %",
                           "25 % of urgent tasks: 10 of 40 expired or infeasible",
                           "ordinary queue_full at the door 10.0/s (24)",
                           "urgent infeasible 3.00/s (6)",
                           "cpu working [||||||||||||    ] 75 % busy",
                           "cuda:0 lost",
                           "big unloaded: the file is cut short",
                           "mover policy",
                           "librarian 300",
                           "team<script> 300/s (1100)",
                           "12 documents in 2KiB of 1GiB",
                           "25.0/s in",
                           "5.00/s out",
                           "unauthorized 1"})
    CHECK(screen.find(part) != std::string::npos);
}

TEST_CASE("what is not of the interval says so") {
  const std::string first =
      screen_of({"test", {view_between(nullptr, look(status("after")))}}, 120);
  INFO(first);
  CHECK(first.find("(no rates yet)") != std::string::npos);
  CHECK(first.find("9.00 ms*") != std::string::npos);
  CHECK(first.find("* since the start") != std::string::npos);
  CHECK(first.find("tasks since the start") != std::string::npos);
  CHECK(screen_of({"test", {two_seconds()}}, 120).find('*') == std::string::npos);
}

TEST_CASE("a node that does not answer is shown as such, beside those that do") {
  const Look gone{"b", std::nullopt, "no answer from node 'b'"};
  const std::string screen = screen_of({"test", {two_seconds(), view_between(nullptr, gone)}}, 100);
  INFO(screen);
  CHECK(screen.find("2 nodes, 1 unreachable") != std::string::npos);
  CHECK(screen.find("b  UNREACHABLE  no answer from node 'b'") != std::string::npos);
}

TEST_CASE("names cannot steer the terminal") {
  CHECK(shown_text("\033[2Jx\n\r\x07\x7f") == "?[2Jx????");
  CHECK(shown_text("caf\xc3\xa9 \xe6\xbc\xa2") == "caf\xc3\xa9 \xe6\xbc\xa2");
  CHECK(shown_text("\xc2\x9b"
                   "2J") == "?2J");  // CSI in one character
  CHECK(shown_text("\xe2\x80\xae"
                   "abc\xff\xc3") == "?abc??");  // right to left; broken
  const std::string screen = screen_of({"test\033", {two_seconds()}}, 120);
  CHECK(screen.find('\033') == std::string::npos);
  CHECK(screen.find("?[2Jreader 20") != std::string::npos);
}

TEST_CASE("no line is wider than the terminal, whatever its size") {
  for (const std::size_t columns : {0U, 1U, 2U, 10U, 40U, 80U, 300U})
    for (const Line& line : render({"test", {two_seconds()}}, columns)) {
      std::string text;
      for (const auto& span : line) text += span.text;
      INFO(columns << ": " << text);
      CHECK(columns_of(text) <= columns);
    }
}

TEST_CASE("the window has as many lines as the terminal, and scrolls no further than there is") {
  const auto lines = render({"test", {two_seconds(), two_seconds(), two_seconds()}}, 80);
  REQUIRE(lines.size() > 30);
  for (const std::size_t rows : {0U, 1U, 2U, 24U, 500U}) {
    std::size_t scroll = 1000;
    const auto seen = window(lines, {80, rows}, scroll);
    CHECK(seen.size() == rows);
    if (rows == 24) {
      CHECK(scroll == lines.size() - 23);
      CHECK(plain_text(seen[22]) == plain_text(lines.back()));
    }
    if (rows == 500) CHECK(scroll == 0);
  }
  std::size_t scroll = 3;
  CHECK(plain_text(window(lines, {80, 10}, scroll)[0]) == plain_text(lines[3]));
  CHECK(scroll == 3);
}

TEST_CASE("programs get the same figures, with null for what is not known") {
  const Look gone{"b", std::nullopt, "no answer"};
  const json view = view_json({"test", {two_seconds(), view_between(nullptr, gone)}});
  const json& node = view["nodes"][0];
  CHECK(view["cluster"] == "test");
  CHECK(node["reachable"] == true);
  CHECK(node["interval_s"] == 2.0);
  CHECK(node["lanes"]["urgent"]["late_share"] == 0.25);
  CHECK(node["lanes"]["ordinary"]["completed_per_s"] == 300.0);
  CHECK(node["lanes"]["urgent"]["percentiles_of"] == "interval");
  CHECK(node["refusals"][0]["code"] == "queue_full");
  CHECK(node["devices"][0]["busy"] == 0.75);
  CHECK(view["nodes"][1] == json{{"node", "b"}, {"reachable", false}, {"error", "no answer"}});
  const json first = view_json({"test", {view_between(nullptr, look(status("after")))}});
  CHECK(first["nodes"][0]["interval_s"].is_null());
  CHECK(first["nodes"][0]["lanes"]["urgent"]["percentiles_of"] == "start");
}
