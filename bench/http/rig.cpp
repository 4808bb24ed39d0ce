#include "bench/http/rig.hpp"

#include <utility>

#include "bench/scenarios/identity_device.hpp"
#include "gateway/descriptors.hpp"

namespace troupe::bench::http {
namespace {

constexpr Duration run_length_usual = std::chrono::milliseconds(1500);
constexpr Duration warm_up_usual = std::chrono::milliseconds(300);
constexpr Duration quick_length = std::chrono::milliseconds(50);
constexpr std::uint64_t descriptors = 4096;  // both ends of every connection are this process's
constexpr std::string_view text = "a calm text editor";

}  // namespace

Result<std::unique_ptr<Rig>> Rig::start() {
  if (gateway::raise_descriptors(descriptors) < descriptors)
    return Error{ErrorCode::io, "this process may not open enough connections",
                 "raise the limit of file descriptors: ulimit -n " + std::to_string(descriptors)};
  auto model = TinyModel::make();
  if (!model) return model.error();
  std::unique_ptr<Rig> rig(new Rig(std::move(*model)));
  scenarios::RealOptions options;
  options.device = std::make_shared<scenarios::IdentityDevice>(TinyModel::width);
  options.model_folder = rig->model_.folder();
  options.client = true;
  auto node = scenarios::RealNode::start(std::move(options));
  if (!node) return node.error();
  rig->node_ = std::move(*node);
  auto door = gateway::FrontDoor::open({}, rig->node_->node(), rig->log_);
  if (!door) return door.error();
  rig->door_ = std::move(*door);
  return rig;
}

Rig::~Rig() {
  door_.reset();
  node_.reset();
}

TaskRequest Rig::task() {
  TaskRequest task;
  task.model = "encoder";
  task.work = Encode{std::string(text)};
  return task;
}

std::string Rig::request() {
  return post("/v2/models/encoder/infer",
              R"({"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[")" +
                  std::string(text) + R"("]}]})");
}

class CannedServer::Handler final : public gateway::Handler {
 public:
  explicit Handler(std::string body) : body_(std::move(body)) {}
  void handle(std::size_t, gateway::Request&&, std::shared_ptr<gateway::Exchange> way) override {
    gateway::Response response;
    response.body = body_;
    way->answer(std::move(response));
  }
  gateway::Response problem(std::string_view, unsigned status, const Error&) override {
    gateway::Response response;
    response.status = status;
    return response;
  }

 private:
  const std::string body_;
};

Result<std::unique_ptr<CannedServer>> CannedServer::start(std::string body) {
  std::unique_ptr<CannedServer> canned(new CannedServer);
  canned->handler_ = std::make_unique<Handler>(std::move(body));
  auto server = gateway::Server::open({}, canned->log_);
  if (!server) return server.error();
  canned->server_ = std::move(*server);
  canned->server_->serve(*canned->handler_);
  return canned;
}

CannedServer::~CannedServer() = default;

Load load_of(std::uint16_t port, std::uint32_t connections, const harness::RunOptions& options) {
  Load load;
  load.port = port;
  load.request = Rig::request();
  load.connections = connections;
  load.length = options.quick ? quick_length : options.run_length.value_or(run_length_usual);
  load.warm_up = std::min(warm_up_usual, load.length);
  return load;
}

}  // namespace troupe::bench::http
