// Every way a cluster file can be wrong, with the exact message.
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.hpp"
#include "tests/config/config_text.hpp"

using namespace troupe;
using namespace troupe::config;
using namespace troupe::config::test;

namespace {

struct Case {
  std::string text;  // after `one_node`, so its first line is line 8
  std::string message;
};

void check_each(const std::vector<Case>& cases) {
  for (const auto& [text, message] : cases) {
    INFO(text);
    CHECK(mistakes_after_node(text) == message);
  }
}

}  // namespace

TEST_CASE("an unknown name is refused with its place and what was probably meant") {
  check_each({
      {"[agents]\n  backoff_mx = '8ms'",
       "c.toml:9:3: unknown key 'backoff_mx' in [agents]; did you mean 'backoff_max'?"},
      {"[schedulin]\nlanes = true",
       "c.toml:8:2: unknown table 'schedulin'; did you mean 'scheduling'?"},
      {"[cluster]\nbackoff_max = '8ms'",
       "c.toml:9:1: unknown key 'backoff_max' in [cluster]; it belongs in [agents]"},
      {"[cluster]\nurgent_port = 1",
       "c.toml:9:1: unknown key 'urgent_port' in [cluster]; it belongs in [node.NAME]"},
      {"[memory]\nsomething = 1",
       "c.toml:9:1: unknown key 'something' in [memory]; known: "
       "bytes_max, documents_max, eviction, rows, folder, save_interval, salvage"},
      {"[node.b]\nurgent_port = 1\nordinary_port = 2\ndevice = ['cpu']",
       "c.toml:11:1: unknown key 'device' in [node.b]; did you mean 'devices'?"},
      {"log.levl = true",
       "c.toml:8:1: unknown table 'log' in [model.m]; known: folder, precision, "
       "load"},
      {"[log]\n\"level.max\" = '8ms'",
       "c.toml:9:1: unknown key 'level.max' in [log]; known: level, format"},
      {"[memory]\n\"a\\u001b[2Jb\" = 1",
       "c.toml:9:1: unknown key 'a\\x1b[2Jb' in [memory]; known: "
       "bytes_max, documents_max, eviction, rows, folder, save_interval, salvage"},
  });
}

TEST_CASE("a value of the wrong type is refused where it stands") {
  check_each({
      {"[scheduling]\nlanes = 'yes'", "c.toml:9:9: 'lanes' must be true or false, not \"yes\""},
      {"[scheduling]\nlanes = 1", "c.toml:9:9: 'lanes' must be true or false, not 1"},
      {"[agents]\nthreads = '2'", "c.toml:9:11: 'threads' must be a whole number, not \"2\""},
      {"[agents]\nthreads = 2.5", "c.toml:9:11: 'threads' must be a whole number, not 2.5"},
      {"[agents]\nthreads = [2]", "c.toml:9:11: 'threads' must be a whole number, not a list"},
      {"[agents]\nthreads = 2020-01-01",
       "c.toml:9:11: 'threads' must be a whole number, not a date"},
      {"[log]\nlevel = 3", "c.toml:9:9: 'level' must be a text in quotes, not 3"},
      {"[node.b]\nurgent_port = 1\nordinary_port = 2\ndevices = 'cpu'",
       "c.toml:11:11: 'devices' must be a list of texts, as in [\"auto\"], not \"cpu\""},
      {"[node.b]\nurgent_port = 1\nordinary_port = 2\ndevices = ['cpu', 1]",
       "c.toml:11:19: 'devices' must be a list of texts, not 1"},
      {"[scheduling.lanes]", "c.toml:8:1: 'lanes' must be true or false, not a table"},
  });
}

TEST_CASE("a duration or a size without its unit is refused") {
  check_each({
      {"[agents]\nbackoff_min = 8",
       "c.toml:9:15: 'backoff_min' must be a duration with its unit, as in \"8ms\", not 8"},
      {"[agents]\nbackoff_min = '8'",
       "c.toml:9:15: 'backoff_min' must be a duration with its unit, as in \"8ms\", not \"8\""},
      {"[agents]\nbackoff_min = '8 furlongs'",
       "c.toml:9:15: 'backoff_min' must be a duration with its unit, as in \"8ms\", not \"8 "
       "furlongs\""},
      {"[agents]\nbackoff_min = '-8ms'",
       "c.toml:9:15: 'backoff_min' must be a duration with its unit, as in \"8ms\", not \"-8ms\""},
      {"[memory]\nbytes_max = 1024",
       "c.toml:9:13: 'bytes_max' must be a size with its unit, as in \"64MiB\", not 1024"},
      {"[memory]\nbytes_max = '8ms'",
       "c.toml:9:13: 'bytes_max' must be a size with its unit, as in \"64MiB\", not \"8ms\""},
  });
}

TEST_CASE("a value outside its range is refused with the range in its own unit") {
  check_each({
      {"[scheduling]\ntasks_max = 0", "c.toml:9:13: 'tasks_max' must be from 1 to 1024, not 0"},
      {"[scheduling]\ntasks_max = 1025",
       "c.toml:9:13: 'tasks_max' must be from 1 to 1024, not 1025"},
      {"[scheduling]\ntasks_max = -1", "c.toml:9:13: 'tasks_max' must be from 1 to 1024, not -1"},
      // What fits 32 bits only after losing the rest.
      {"[agents]\nthreads = 4294967298",
       "c.toml:9:11: 'threads' must be from 1 to 1024, not 4294967298"},
      {"[agents]\nbackoff_min = '2h'",
       "c.toml:9:15: 'backoff_min' must be from \"1ms\" to \"1h\", not \"2h\""},
      {"[memory]\nbytes_max = '1B'",
       "c.toml:9:13: 'bytes_max' must be from \"1MiB\" to \"16384GiB\", not \"1B\""},
      {"[node.b]\nurgent_port = 65536\nordinary_port = 2",
       "c.toml:9:15: 'urgent_port' must be from 1 to 65535, not 65536"},
      {"[node.b]\nurgent_port = 1\nordinary_port = 2\ndevices = []",
       "c.toml:11:11: 'devices': must have 1 to 64 entries, not 0"},
  });
}

TEST_CASE("how a policy's actions are picked is checked when the file is read") {
  const std::string policy = "[policy.p]\nfolder = '/p'\n";
  const std::string range = "c.toml:10:15: 'temperature' must be from 0.001 to 1000, not ";
  check_each({
      {policy + "sampling = 'best'",
       "c.toml:10:12: 'sampling' must be \"greedy\", \"softmax\" or \"gumbel\", not \"best\""},
      {policy + "sampling = true", "c.toml:10:12: 'sampling' must be a text in quotes, not true"},
      {policy + "temperature = 0", range + "0"},
      {policy + "temperature = 0.0009", range + "9e-04"},
      {policy + "temperature = -1.5", range + "-1.5"},
      {policy + "temperature = 1000.5", range + "1000.5"},
      {policy + "temperature = inf", range + "inf"},
      {policy + "temperature = nan", range + "nan"},
      {policy + "temperature = '1'", "c.toml:10:15: 'temperature' must be a number, not \"1\""},
      {policy + "seed = -1", "c.toml:10:8: 'seed' must be from 0 to 4294967295, not -1"},
      {policy + "seed = 1.5", "c.toml:10:8: 'seed' must be a whole number, not 1.5"},
      {policy + "temprature = 1",
       "c.toml:10:1: unknown key 'temprature' in [policy.p]; did you mean 'temperature'?"},
      {"[policy.p]\nfolder = ''", "c.toml:9:10: 'folder' must name a folder, not \"\""},
      {"[policy.p]\nfolder = '$NO/p'", "c.toml:9:10: 'folder': the variable NO is not set"},
      {"[policy.p]", "c.toml:8:9: [policy.p] needs 'folder'"},
      {"[model.m2]\nfolder = '/m'\nsampling = 'greedy'",
       "c.toml:10:1: unknown key 'sampling' in [model.m2]; it belongs in [policy.NAME]"},
  });
}

TEST_CASE("texts must follow their rules") {
  const std::string node_b = "[node.b]\nurgent_port = 1\nordinary_port = 2\n";
  check_each({
      {"[log]\nlevel = 'loud'",
       "c.toml:9:9: 'level' must be \"trace\", \"debug\", \"info\", \"warn\" or \"error\", not "
       "\"loud\""},
      {"[cluster]\nname = '../x'",
       "c.toml:9:8: 'name' must be letters, digits, '-', '_' and '.', start with a letter or "
       "digit, and have at most 128, not \"../x\""},
      {"[cluster]\nkeys = ''", "c.toml:9:8: 'keys' must name a folder, not \"\""},
      {"[cluster]\nkeys = \"a\\u0000b\"",
       "c.toml:9:8: 'keys' must not contain control characters, not \"a\\x00b\""},
      {node_b + "devices = ['cpu', 'gpu']",
       "c.toml:11:19: 'devices' must name devices as \"cpu\", \"auto\" or \"cuda:N\", not \"gpu\""},
      {node_b + "devices = ['cuda:']",
       "c.toml:11:12: 'devices' must name devices as \"cpu\", \"auto\" or \"cuda:N\", not "
       "\"cuda:\""},
      {node_b + "host = 'tcp://x:1'",
       "c.toml:11:8: 'host' must be a host name or an address, without brackets, scheme or port, "
       "not \"tcp://x:1\""},
      {node_b + "location = '52.52'",
       "c.toml:11:12: 'location' must be a latitude and a longitude in degrees, as in "
       "\"52.52,13.40\", not \"52.52\""},
      {node_b + "location = '91,0'",
       "c.toml:11:12: 'location' must be a latitude and a longitude in degrees, as in "
       "\"52.52,13.40\", not \"91,0\""},
  });
}

TEST_CASE("no spelling of a wildcard is a host") {
  for (const std::string host :
       {"*", "0.0.0.0", "0", "0x0", "00.0", "::", "0:0::0", "::0.0.0.0", "::ffff:0.0.0.0"}) {
    CHECK(mistakes("[node.a]\nurgent_port = 1\nordinary_port = 2\nhost = '" + host + "'") ==
          "c.toml:4:8: 'host' must be one address of this machine (a wildcard would open every "
          "network to the node), not \"" +
              host + "\"");
  }
  for (const std::string host : {"127.0.0.1", "10.0.0.1", "::1", "fe80::1%eth0", "gpu-1.rack2"})
    CHECK(mistakes("[node.a]\nurgent_port = 1\nordinary_port = 2\nhost = '" + host + "'") ==
          "fine");
}

TEST_CASE("nodes and models need valid names and what is required of them") {
  check_each({
      {"[node.b]",
       "c.toml:8:7: [node.b] needs 'urgent_port'\n"
       "c.toml:8:7: [node.b] needs 'ordinary_port'"},
      {"[model.n]", "c.toml:8:8: [model.n] needs 'folder'"},
      {"[node.'a b']",
       "c.toml:8:7: the name of a node must be letters, digits, '-', '_' and '.', start with a "
       "letter or digit, and have at most 128, not \"a b\""},
      {"[node.client]", "c.toml:8:7: a node cannot be called 'client': the command line is"},
      {"[node]\nhost = 'x'", "c.toml:9:1: 'host' in [node] must be a table: write [node.NAME]"},
      {"[[node.b]]", "c.toml:8:8: 'b' in [node] must be a table: write [node.NAME]"},
  });
  CHECK(mistakes("node = 5\n") ==
        "c.toml:1:1: there is no node: write at least one [node.NAME] with its two ports\n"
        "c.toml:1:8: 'node' must be a table: write [node.NAME]");
}

TEST_CASE("a file without nodes says what is missing") {
  const std::string none =
      "c.toml:1:1: there is no node: write at least one [node.NAME] with its two ports";
  CHECK(mistakes("") == none);
  CHECK(mistakes("[scheduling]\nlanes = true") == none);
  CHECK(mistakes("[node]") == none);
}

TEST_CASE("no two ports are the same endpoint, however their hosts are written") {
  CHECK(mistakes("[node.a]\nurgent_port = 7\nordinary_port = 7") ==
        "c.toml:3:17: 'ordinary_port' of [node.a] is the same endpoint as 'urgent_port' of "
        "[node.a]: 127.0.0.1, port 7");
  for (const std::string host : {"127.0.0.1", "localhost", "127.1", "0x7f000001"})
    CHECK(mistakes_after_node("[node.b]\nhost = '" + host +
                              "'\nurgent_port = 9\nordinary_port = 7101") ==
          "c.toml:11:17: 'ordinary_port' of [node.b] is the same endpoint as 'urgent_port' of "
          "[node.a]: " +
              host + ", port 7101");
  CHECK(mistakes_after_node("[node.b]\nhost = '10.0.0.2'\nurgent_port = 7101\nordinary_port = "
                            "7102") == "fine");
}

TEST_CASE("a shortest pause over the longest is told where somebody wrote it") {
  check_each({
      {"[agents]\nbackoff_min = '10s'",
       "c.toml:9:15: 'backoff_min' of [agents] is \"10s\", over its 'backoff_max' of \"5s\""},
      {"[agents]\nbackoff_max = '1ms'",
       "c.toml:9:15: 'backoff_min' of [agents] is \"10ms\", over its 'backoff_max' of \"1ms\""},
  });
}

TEST_CASE("a key of an earlier release is told what came in its place") {
  CHECK(mistakes_after_node("[lanes]\nenabled = true\n[lanes.ordinary]\ndelay_max = '8ms'\n"
                            "tasks_max = 1\ntask_max = 1\n[lanes.urgent]\nqueue_tasks_max = 1") ==
        "c.toml:9:1: 'lanes.enabled' is gone: use 'lanes' in [scheduling]\n"
        "c.toml:11:1: 'lanes.ordinary.delay_max' is gone: the scheduler finds it out by itself; "
        "remove the line\n"
        "c.toml:12:1: 'lanes.ordinary.tasks_max' is gone: use 'tasks_max' in [scheduling], which "
        "holds for both lanes\n"
        "c.toml:13:1: 'lanes.ordinary.task_max' is unknown, and [lanes.ordinary] is gone: use "
        "[scheduling]\n"
        "c.toml:15:1: 'lanes.urgent.queue_tasks_max' is gone: use 'urgent_queue_tasks_max' in "
        "[scheduling]");
  CHECK(mistakes_after_node("[lanes]") == "c.toml:8:2: [lanes] is gone: use [scheduling]");
}

TEST_CASE("all mistakes of a file are told at once, in its order") {
  CHECK(mistakes_after_node("[scheduling]\nlanes = 'no'\n[agents]\nthreads = 0\n[lnk]") ==
        "c.toml:9:9: 'lanes' must be true or false, not \"no\"\n"
        "c.toml:11:11: 'threads' must be from 1 to 1024, not 0\n"
        "c.toml:12:2: unknown table 'lnk'; did you mean 'link'?");
}

TEST_CASE("mistakes of a config are config errors with a next step") {
  const auto loaded = load("");
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code == ErrorCode::config);
  CHECK_FALSE(loaded.error().next_step.empty());
}

TEST_CASE("a syntax error is told with its place") {
  // What follows the place is toml++'s own wording, which differs between its versions.
  CHECK(mistakes_after_node("[lanes").rfind("c.toml:8:7: ", 0) == 0);
  CHECK(mistakes_after_node("[model.m]").rfind("c.toml:8:1: ", 0) == 0);
  CHECK(mistakes_after_node("\n\nx = 08").rfind("c.toml:10:", 0) == 0);
}

TEST_CASE("an address for HTTP is one, and free, and not an open door by mistake") {
  check_each({
      {"[http]\nlisten = '8080'",
       "c.toml:9:10: 'listen' must be an address and a port, as in \"127.0.0.1:8080\", not "
       "\"8080\""},
      {"[http]\nlisten = '127.0.0.1:65536'",
       "c.toml:9:10: 'listen' must be an address and a port, as in \"127.0.0.1:8080\", not "
       "\"127.0.0.1:65536\""},
      {"[http]\nlisten = '::1:8080'",
       "c.toml:9:10: 'listen' must be an address and a port, as in \"127.0.0.1:8080\", not "
       "\"::1:8080\""},
      {"[node.b]\nurgent_port = 1\nordinary_port = 2\nhttp = 'on'",
       "c.toml:11:8: 'http' must be an address and a port, as in \"127.0.0.1:8080\", or \"off\", "
       "not "
       "\"on\""},
      {"[http]\nlisten = '127.0.0.1:8080'\n[node.b]\nurgent_port = 1\nordinary_port = 2",
       "c.toml:9:10: 'listen' of [http] cannot be that of both [node.a] and [node.b], which are on "
       "one "
       "host: give one of them its own 'http', or \"off\""},
      {"[node.b]\nurgent_port = 1\nordinary_port = 2\nhttp = '127.0.0.1:7101'",
       "c.toml:11:8: 'http' of [node.b] is the same endpoint as 'urgent_port' of [node.a]: "
       "127.0.0.1, "
       "port 7101"},
      {"[http]\nlisten = '0.0.0.0:8080'",
       "c.toml:9:10: other machines reach 0.0.0.0:8080, and [http] has no 'keys': add some with "
       "`troupe "
       "keys api`, or write 'open = true' there"},
      {"[http]\nlisten = '127.0.0.1:8080'\nkeys = ['secret']",
       "c.toml:10:9: 'keys' must have lines as `troupe keys api TENANT` prints them, \"TENANT "
       "sha256:HASH\", not \"secret\""},
      {"[http]\ntls_key = 'node.key'",
       "c.toml:9:11: 'tls_key' of [http] is of no use without its 'tls_certificate'"},
      {"[http]\ntls_certificate = 'node.crt'",
       "c.toml:9:19: 'tls_certificate' of [http] is of no use without its 'tls_key'"},
  });
  const std::string hash(64, 'a');
  for (const std::string& fine :
       {std::string("[http]\nlisten = '0.0.0.0:8080'\nopen = true"),
        std::string("[http]\ntls_certificate = 'node.crt'\ntls_key = 'node.key'"),
        std::string("[http]\nlisten = '[::1]:8080'"),
        std::string("[http]\nlisten = 'localhost:8080'"),
        "[http]\nlisten = '[::]:8080'\nkeys = ['t sha256:" + hash + "']",
        std::string("[http]\nlisten = '127.0.0.1:8080'\n[node.b]\nurgent_port = 1\nordinary_port = "
                    "2\nhttp = 'off'"),
        std::string("[http]\nlisten = '0.0.0.0:8080'\nopen = true\n[node.b]\nhost = '10.0.0.2'\n"
                    "urgent_port = 1\nordinary_port = 2")}) {
    INFO(fine);
    CHECK(mistakes_after_node(fine) == "fine");
  }
}
