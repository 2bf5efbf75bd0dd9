// A whole hub in this process: real sockets, real threads, a real database.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <catch2/catch.hpp>

#include "protocol/classic.hpp"
#include "protocol/limits.hpp"
#include "server/net/service.hpp"
#include "server/net/udp_socket.hpp"
#include "store/sqlite_store.hpp"
#include "tests/server/net_udp_client.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/support/hold.hpp"
#include "tests/support/process.hpp"
#include "tests/support/store_verbs.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub;
using namespace hub::server;
using hub::test::loopback;
using hub::test::UdpClient;

namespace {

constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};

/// A database with ann, bob and carol (password: secret), and at most one hub serving it.
struct Place {
  Place() {
    store::create_database(file, kCheap, random);
    const auto opened = store::SqliteStore::open(file);
    test::StoreVerbs verbs(*opened);
    for (const std::string name : {"ann", "bob", "carol"}) {
      verbs.ask(control::AddUser{name, *make_verifier("secret", kCheap, random)});
    }
  }
  ~Place() { stop(); }

  void start(std::vector<Endpoint> listen = {loopback()}) {
    ServiceOptions options;
    options.hub.answers_per_second = options.hub.logins_per_second = 100'000;
    options.hub.posts_per_second = 100'000;
    options.listen = std::move(listen);
    options.control_socket = directory / "hubd.sock";
    const auto open = [this]() -> std::unique_ptr<store::Store> {
      return store::SqliteStore::open(file);
    };
    service = std::make_unique<Service>(options, open, random, log);
    hub = service->listening().front();
    running = std::thread([this] { service->run(); });
  }
  void stop() {
    if (!service) return;
    service->stop();
    running.join();
    service.reset();
  }
  bool takes_control() const {
    asio::io_context io;
    asio::local::stream_protocol::socket connection(io);
    asio::error_code error;
    connection.connect((directory / "hubd.sock").string(), error);
    return !error;
  }

  test::TempDirectory directory;
  const std::filesystem::path file = directory / "hub.db";
  SystemRandom random;
  Log log{LogLevel::kError, LogFormat::kText};
  std::unique_ptr<Service> service;
  std::thread running;
  Endpoint hub;
};

struct Message {
  Opcode opcode{};
  Token token = 0;
  std::uint32_t id = 0;
  std::string text;
};

class Spoke {
 public:
  Spoke(Place& place, const Endpoint& at = loopback()) : place_(place), socket(at) {}

  void send(Opcode opcode, std::string_view text = {}, std::uint32_t id = 0) {
    classic::Header header;
    header.opcode = opcode;
    header.token = token;
    header.msg_id = id;
    std::vector<std::uint8_t> bytes;
    classic::encode(header, text, bytes);
    socket.send(place_.hub, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  Message next() {
    const auto datagram = socket.receive();
    REQUIRE(datagram);
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(datagram->bytes.data()),
                      datagram->bytes.size());
    const auto decoded = classic::decode(bytes);
    REQUIRE(decoded);
    return {decoded->header.opcode, decoded->header.token, decoded->header.msg_id,
            std::string(classic::payload_text(*decoded))};
  }
  void expect(Opcode opcode) { CHECK(name_of(next().opcode) == name_of(opcode)); }
  void login(const std::string& name) {
    token = 0;
    send(Opcode::kLogin, name + "&secret");
    const Message reply = next();
    REQUIRE(reply.opcode == Opcode::kLoginOk);
    token = reply.token;
  }

  Token token = 0;

 private:
  Place& place_;

 public:
  UdpClient socket;
};

}  // namespace

TEST_CASE("a hub whose disk fails acknowledges nothing more, still reads, and says so at its end") {
  test::FaultyDisk disk;
  Place place;
  place.start();
  Spoke ann(place);
  ann.login("ann");
  ann.send(Opcode::kSubscribe, "ann");
  ann.expect(Opcode::kSubscribeOk);
  ann.send(Opcode::kPost, "kept");
  ann.expect(Opcode::kPostAck);
  ann.expect(Opcode::kForward);
  CHECK_FALSE(place.service->store_has_failed());
  disk.fail_after(0, test::FaultyDisk::Failure::kSyncError, false);
  ann.send(Opcode::kPost, "lost");
  ann.send(Opcode::kPost, "lost, too");  // the disk works again; who knows what it holds
  for (int i = 0; i < 2; ++i) {
    ann.send(Opcode::kRetrieve, "5");
    CHECK(ann.next().text == "<ann>kept");
    ann.expect(Opcode::kRetrieveEnd);
  }
  const test::Deadline deadline;
  while (!place.service->store_has_failed() && !deadline.over()) std::this_thread::yield();
  place.service->stop();
  place.running.join();
  CHECK(place.service->store_has_failed());
  place.service.reset();
  CHECK(disk.failures() == 1);
}

TEST_CASE("a hub takes a login, a subscription and a post, and forwards it") {
  Place place;
  place.start();
  Spoke ann(place);
  Spoke bob(place);
  ann.send(Opcode::kPost, "too early");
  ann.expect(Opcode::kMustLoginFirst);
  ann.login("ann");
  bob.login("bob");
  bob.send(Opcode::kSubscribe, "ann");
  bob.expect(Opcode::kSubscribeOk);
  ann.send(Opcode::kPost, "hello");
  ann.expect(Opcode::kPostAck);
  const Message forward = bob.next();
  CHECK(forward.opcode == Opcode::kForward);
  CHECK(forward.text == "<ann>hello");
  bob.send(Opcode::kForwardAck, {}, forward.id);
  bob.send(Opcode::kRetrieve, "5");
  CHECK(bob.next().text == "<ann>hello");
  bob.expect(Opcode::kRetrieveEnd);
}

TEST_CASE("live sessions and posts survive a restart") {
  Place place;
  place.start();
  Spoke ann(place);
  Spoke bob(place);
  ann.login("ann");
  bob.login("bob");
  bob.send(Opcode::kSubscribe, "ann");
  bob.expect(Opcode::kSubscribeOk);
  ann.send(Opcode::kPost, "before");
  ann.expect(Opcode::kPostAck);
  const Message before = bob.next();

  place.stop();
  CHECK(ann.socket.is_quiet());  // nobody is told, and nobody need be
  CHECK_FALSE(std::filesystem::exists(place.directory / "hubd.sock"));
  place.start({place.hub});

  ann.send(Opcode::kPost, "after");
  ann.expect(Opcode::kPostAck);
  const Message after = bob.next();
  CHECK(after.text == "<ann>after");
  CHECK(after.id > before.id);
}

TEST_CASE("a stopping hub answers what it was asked") {
  for (int round = 0; round < 5; ++round) {
    Place place;
    place.start();
    Spoke ann(place);
    ann.login("ann");
    constexpr int kPosts = 200;
    for (int i = 0; i < kPosts; ++i) ann.send(Opcode::kPost, "post " + std::to_string(i));
    ann.expect(Opcode::kPostAck);  // by now some of them are in the middle of it
    place.stop();
    int acknowledged = 1;
    while (!ann.socket.is_quiet()) {
      ann.expect(Opcode::kPostAck);
      ++acknowledged;
    }
    // Each committed post was acknowledged, and each acknowledged one is there.
    const auto store = store::SqliteStore::open(place.file);
    CHECK(store->open_reader()->counts()->last_post == static_cast<MessageId>(acknowledged));
  }
}

TEST_CASE("a stopping hub waits for the commit that is under way") {
  test::Hold commit;
  std::atomic<bool> is_posted = false;
  test::FaultyDisk disk;
  disk.watch([&] {
    if (is_posted.exchange(false)) commit.hold();
  });
  Place place;
  place.start();
  Spoke ann(place);
  ann.login("ann");
  is_posted = true;
  ann.send(Opcode::kPost, "under way");
  CHECK(commit.has_begun());
  place.service->stop();
  const test::Deadline deadline;
  while (place.takes_control() && !deadline.over()) std::this_thread::yield();
  CHECK_FALSE(place.takes_control());  // it has begun to stop
  commit.release();
  place.stop();
  ann.expect(Opcode::kPostAck);
}

TEST_CASE("two listen addresses are one hub, each answering for itself") {
  Place place;
  place.start({loopback(0, 1), loopback(0, 2)});
  const auto listening = place.service->listening();
  REQUIRE(listening.size() == 2);
  UdpClient client(loopback());
  classic::Header header;
  header.opcode = Opcode::kPost;
  std::vector<std::uint8_t> bytes;
  classic::encode(header, "hello", bytes);
  for (const Endpoint& at : listening) {
    client.send(at, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    CHECK(client.receive().value().from == at);
  }
}

TEST_CASE("garbage of every size leaves a hub serving") {
  Place place;
  place.start();
  Spoke ann(place);
  for (const std::size_t size : {0u, 1u, 11u, 12u, 300u, 8192u, 8193u, 60'000u}) {
    ann.socket.send(place.hub, std::string(size, '\x03'));
  }
  ann.login("ann");
}

TEST_CASE("a hub whose port is taken says so and lets go of everything") {
  Place place;
  UdpClient taken(loopback());
  CHECK_THROWS_AS(place.start({taken.local()}), ListenError);
  place.start();
  Spoke ann(place);
  ann.login("ann");
}
