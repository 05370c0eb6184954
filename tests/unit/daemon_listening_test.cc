#include "pkg/daemon/listening.hh"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <future>

using namespace weir;
using namespace weir::daemon;

namespace {

// Tells each connection the name of the point it came to, and notes what becomes of datagram points.
class NamingWorker final : public WorkerService {
 public:
  NamingWorker(aio::Loop& loop, std::vector<std::string>& told) : loop_(loop), told_(told) {}

  aio::Task<> serve(aio::Stream stream, ListenPointPtr at) override {
    (void)co_await stream.write(at->name, loop_.in(std::chrono::seconds(5)));
  }
  void serve_datagrams(ListenPointPtr at, aio::Descriptor socket) override {
    told_.push_back("serve " + at->name);
    sockets_.push_back(std::move(socket));
  }
  aio::Task<> stop_datagrams(ListenPointPtr at) override {
    told_.push_back("stop " + at->name);
    co_return;
  }

 private:
  aio::Loop& loop_;
  std::vector<std::string>& told_;
  std::vector<aio::Descriptor> sockets_;
};

class NamingService final : public Service {
 public:
  std::unique_ptr<WorkerService> start_worker(Worker& worker) override {
    return std::make_unique<NamingWorker>(worker.loop(), told);
  }
  std::vector<std::string> told;  // of one worker
};

struct Fixture {
  Fixture() {
    counts.open = registry.gauge("open", "");
    counts.accepted = registry.counter("accepted", "");
    counts.refused = registry.counter("refused", "");
    workers.push_back(std::make_unique<WorkerThread>(0, service, counts));
  }
  ~Fixture() { workers.front()->stop(); }

  // What was handed to the worker before has been dealt with.
  void settle() {
    std::promise<void> done;
    workers.front()->ping([&done] { done.set_value(); });
    done.get_future().wait();
  }
  std::string name_told_at(const std::string& bound) {
    const Address address = *Address::parse_connect(bound);
    sockaddr_storage storage;
    const socklen_t size = address.to_sockaddr(storage);
    const aio::Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
    if (connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return "refused";
    std::string text(64, '\0');
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, read(socket.get(), text.data(), text.size()))));
    return text;
  }

  metrics::Registry registry;
  ConnectionCounts counts;
  NamingService service;
  Listening::Workers workers;
  Listening listening{workers, {}};
};

ListenPoint point(std::string name, ListenPoint::Kind kind = ListenPoint::Kind::stream) {
  return {std::move(name), *Address::parse_listen("127.0.0.1:0"), kind};
}

}  // namespace

TEST_CASE("a connection knows the point it came to") {
  Fixture fixture;
  REQUIRE(fixture.listening.listen({point("web"), point("api")}));
  const auto bound = fixture.listening.bound();
  REQUIRE(bound.size() == 2);
  CHECK(fixture.name_told_at(bound[0]) + fixture.name_told_at(bound[1]) == "apiweb");
}

TEST_CASE("a point that gets another name keeps its socket") {
  Fixture fixture;
  ListenPoint named = point("first");
  named.address = *aio::local_address(aio::open_listening(named.address, 1)->front().get());  // a free port
  REQUIRE(fixture.listening.listen({named}));
  named.name = "second";
  REQUIRE(fixture.listening.listen({named}));
  fixture.settle();
  CHECK(fixture.name_told_at(named.address.to_string()) == "second");
}

TEST_CASE("a datagram point is the service's until it goes") {
  Fixture fixture;
  REQUIRE(fixture.listening.listen({point("dns", ListenPoint::Kind::datagram)}));
  REQUIRE(fixture.listening.listen({}));
  fixture.settle();
  CHECK(fixture.service.told == std::vector<std::string>{"serve dns", "stop dns"});
}

TEST_CASE("an address that is given twice is refused and all stays as it was") {
  Fixture fixture;
  REQUIRE(fixture.listening.listen({point("web")}));
  const auto before = fixture.listening.bound();
  const auto twice = fixture.listening.listen({point("web"), point("a"), point("a")});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message == "listen a (127.0.0.1:0): given twice");
  CHECK(fixture.listening.bound() == before);
}
