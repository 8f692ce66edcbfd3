// The C++ reference implementation as a server: those methods of `schema/pangea.capnp` that the bench calls, and nothing
// behind them. Prints its port as one line of JSON; ends when it is killed.
#include <capnp/ez-rpc.h>
#include <capnp/message.h>
#include <cstdio>
#include <cstring>
#include <kj/async.h>
#include "pangea.capnp.h"

namespace {

constexpr uint64_t chunkBytes = 1024 * 1024;
// As ours: a block of 64 MiB passes.
constexpr uint64_t traversalWords = 64 * 1024 * 1024;

class UploadImpl final : public Upload::Server {
 public:
  kj::Promise<void> write(WriteContext context) override {
    received += context.getParams().getChunk().size();
    return kj::READY_NOW;
  }
  kj::Promise<void> finish(FinishContext context) override {
    context.getResults().initObject().setBytes(received);
    return kj::READY_NOW;
  }

 private:
  uint64_t received = 0;
};

class SessionImpl final : public Session::Server {
 public:
  explicit SessionImpl(kj::ArrayPtr<const kj::byte> content) : content(content) {}

  kj::Promise<void> put(PutContext context) override {
    context.getResults().setUpload(kj::heap<UploadImpl>());
    return kj::READY_NOW;
  }
  kj::Promise<void> get(GetContext context) override {
    auto request = context.getParams();
    auto sink = request.getSink();
    uint64_t bytes = request.getLength();
    context.releaseParams();
    return pump(sink, bytes).then([sink, bytes, context]() mutable {
      return sink.doneRequest().send().then([bytes, context](auto&&) mutable { context.getResults().setBytes(bytes); });
    });
  }

 private:
  kj::ArrayPtr<const kj::byte> content;

  kj::Promise<void> pump(ByteSink::Client sink, uint64_t left) {
    if (left == 0) return kj::READY_NOW;
    auto count = kj::min(left, chunkBytes);
    auto request = sink.writeRequest(capnp::MessageSize{count / 8 + 16, 0});
    auto chunk = request.initChunk(count);
    memcpy(chunk.begin(), content.begin(), count);
    return request.send().then([this, sink, left, count]() mutable { return pump(kj::mv(sink), left - count); });
  }
};

class NodeImpl final : public PangeaNode::Server {
 public:
  NodeImpl() : content(kj::heapArray<kj::byte>(chunkBytes)) { memset(content.begin(), 7, content.size()); }

  kj::Promise<void> about(AboutContext context) override {
    auto about = context.getResults();
    about.setVersion("c++");
    about.setNodeId(1);
    about.setChunkBytes(chunkBytes);
    return kj::READY_NOW;
  }
  kj::Promise<void> login(LoginContext context) override {
    context.getResults().setSession(kj::heap<SessionImpl>(content));
    return kj::READY_NOW;
  }
  kj::Promise<void> getNode(GetNodeContext context) override {
    auto node = context.getResults().initNode();
    node.setId(context.getParams().getQuery().getNodeId());
    node.setLatencyMs(1);
    return kj::READY_NOW;
  }
  kj::Promise<void> cesReconstruct(CesReconstructContext context) override {
    auto shards = context.getParams().getRequest().getShards();
    uint64_t bytes = 0;
    for (auto shard : shards) bytes += shard.getData().size();
    auto response = context.getResults(capnp::MessageSize{bytes / 8 + 16, 0}).initResponse();
    response.setSuccess(true);
    auto to = response.initData(bytes).begin();
    for (auto shard : shards) {
      auto data = shard.getData();
      memcpy(to, data.begin(), data.size());
      to += data.size();
    }
    return kj::READY_NOW;
  }

 private:
  kj::Array<kj::byte> content;
};

}  // namespace

int main() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = traversalWords;
  capnp::EzRpcServer server(kj::heap<NodeImpl>(), "127.0.0.1", 0, options);
  auto& scope = server.getWaitScope();
  printf("{\"port\":%u}\n", server.getPort().wait(scope));
  fflush(stdout);
  kj::NEVER_DONE.wait(scope);
}
