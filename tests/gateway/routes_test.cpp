// Which question a method and a target ask.
#include "gateway/routes.hpp"

#include "tests/catch.hpp"

using namespace troupe::gateway;

TEST_CASE("every address of the protocols is known") {
  const std::pair<const char*, Ask> gets[] = {
      {"/v2", Ask::server},
      {"/v2/", Ask::server},
      {"/v2/health/live", Ask::live},
      {"/v2/health/ready", Ask::ready},
      {"/v2/models/minilm", Ask::model},
      {"/v2/models/minilm?x=1", Ask::model},
      {"/v2/models/minilm/versions/1", Ask::model},
      {"/v2/models/minilm/ready", Ask::model_ready},
      {"/v2/models/minilm/versions/1/ready", Ask::model_ready},
      {"/v2/models/minilm/stats", Ask::model_stats},
      {"/v2/models/stats", Ask::all_stats},
      {"/v1/models", Ask::models},
      {"/v1/models/minilm", Ask::one_model},
      {"http://somewhere:80/v1/models", Ask::models},
      {"/metrics", Ask::metrics},
      {"/", Ask::status_page},
      {"/?x=1", Ask::status_page},
      {"http://somewhere:80/", Ask::status_page},
      {"/status", Ask::status_page},
      {"/status/", Ask::status_page},
      {"/status.json", Ask::status},
      {"/status/events", Ask::status_events},
      {"/v2/jobs/00ff/result", Ask::job_result},
      {"/v2/jobs/00ff/events", Ask::job_events},
  };
  for (const auto& [target, ask] : gets) {
    INFO(target);
    const Route found = route("GET", target);
    CHECK(found.ask == ask);
    CHECK(found.allow.empty());
    CHECK(route("HEAD", target).allow.empty());
    CHECK(route("POST", target).allow == "GET, HEAD");
  }
  for (const auto& [target, ask] : {std::pair{"/v2/models/minilm/infer", Ask::infer},
                                    {"/v2/models/minilm/versions/1/infer", Ask::infer},
                                    {"/v2/repository/index", Ask::index},
                                    {"/v2/repository/models/m/load", Ask::load},
                                    {"/v2/repository/models/m/unload", Ask::unload},
                                    {"/v1/embeddings", Ask::embeddings}}) {
    INFO(target);
    CHECK(route("POST", target).ask == ask);
    CHECK(route("POST", target).allow.empty());
    CHECK(route("GET", target).allow == "POST");
  }
}

TEST_CASE("a job can be looked at and deleted") {
  for (const char* method : {"GET", "HEAD", "DELETE"}) {
    const Route found = route(method, "/v2/jobs/00ff");
    CHECK(found.ask == Ask::job);
    CHECK(found.job == "00ff");
    CHECK(found.allow.empty());
  }
  CHECK(route("POST", "/v2/jobs/00ff").allow == "GET, HEAD, DELETE");
  CHECK(route("GET", "/v2/jobs").ask == Ask::unknown);
  CHECK(route("GET", "/v2/jobs/00ff/nonsense").ask == Ask::unknown);
  CHECK(route("GET", "/v2/jobs/00ff/result/more").ask == Ask::unknown);
}

TEST_CASE("model and version are taken out, with what is escaped undone") {
  const auto found = route("POST", "/v2/models/bge%2Dsmall%20x/versions/7/infer");
  CHECK(found.ask == Ask::unknown);  // no name has a space
  const auto dashed = route("POST", "/v2/models/bge%2Dsmall/versions/7/infer");
  CHECK(dashed.ask == Ask::infer);
  CHECK(dashed.model == "bge-small");
  CHECK(dashed.version == "7");
}

TEST_CASE("other targets are unknown, whatever they try") {
  for (const std::string& target : {std::string(),
                                    std::string("*"),
                                    std::string("/v2/repository/models/m"),
                                    std::string("/v2/repository/models/m/reload"),
                                    std::string("/v2/repository"),
                                    std::string("v2"),
                                    std::string("//"),
                                    std::string("/status/other"),
                                    std::string("//v2"),
                                    std::string("/v2/models"),
                                    std::string("/v2/models/"),
                                    std::string("/v2/models//infer"),
                                    std::string("/v2/models/m/infer/more"),
                                    std::string("/v2/models/m/versions"),
                                    std::string("/v2/models/%2e%2e%2Fetc/ready"),
                                    std::string("/v2/models/a%00b/ready"),
                                    std::string("/v2/models/%zz"),
                                    std::string("/v2/models/%"),
                                    std::string("/v2/../metrics"),
                                    "/v2/models/" + std::string(129, 'm'),
                                    std::string("/a/b/c/d/e/f/g/h/i/j/k"),
                                    std::string("http:/v2"),
                                    std::string("http://only-a-host")}) {
    INFO(target);
    CHECK(route("GET", target).ask == Ask::unknown);
  }
}
