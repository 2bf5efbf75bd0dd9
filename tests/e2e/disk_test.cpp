// A full disk: nothing is acknowledged that is not stored, reading goes on, and room heals it.
#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

namespace fs = std::filesystem;

/// hubd on a file system of 2 MiB that only it sees. We reach it through /proc/PID/root.
class SmallDisk {
 public:
  static std::vector<std::string> unshare() {
    std::vector<std::string> out = {"unshare", "--mount"};
    if (::geteuid() != 0) out.insert(out.end(), {"--user", "--map-root-user"});
    return out;
  }

  static bool is_permitted() {
    TempDirectory dir;
    std::vector<std::string> argv = unshare();
    argv.insert(argv.end(),
                {"mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir.path().string()});
    return run({.argv = argv}).exit == 0;
  }

  explicit SmallDisk(const TestHub& hub) : mount_(hub.scratch() / "mount") {
    fs::create_directory(mount_);
    std::vector<std::string> prefix = unshare();
    prefix.insert(prefix.end(), {"sh", "-c",
                                 "mount -t tmpfs -o size=2m tmpfs \"$0\" && "
                                 "cp -a \"$1\" \"$0/data\" && shift && exec \"$@\"",
                                 mount_.string(), hub.data().string()});
    hubd_ = std::make_unique<HubdProcess>(HubdStart{.data = mount_ / "data",
                                                    .log = hub.scratch() / "hubd.log",
                                                    .flags = {"--listen", "127.0.0.1:0"},
                                                    .prefix = std::move(prefix)});
  }

  RawClient online(const std::string& user) const {
    RawClient client({.port = hubd_->port()});
    client.login(user, TestHub::password_of(user));
    return client;
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(hubd_->port()); }

  void fill() const {
    std::ofstream ballast(ballast_file(), std::ios::binary);
    const std::string block(4096, '\0');
    while (ballast.write(block.data(), 4096).flush()) {
    }
  }
  void make_room() const { fs::remove(ballast_file()); }

  std::string admin(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {"nsenter", "--target", std::to_string(hubd_->pid()),
                                     "--mount"};
    if (::geteuid() != 0) argv.insert(argv.end(), {"--user", "--preserve-credentials"});
    argv.insert(argv.end(), {program("hubadmin"), "--data", (mount_ / "data").string()});
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Finished finished = run({.argv = argv});
    if (finished.exit != 0) throw Unexpected(finished.errors);
    return finished.output;
  }

  /// Waits until `client` is answered (true), or one more than `failures` requests have failed.
  bool answers_or_fails(RawClient& client, long failures) const {
    const Deadline deadline;
    while (!deadline.over()) {
      if (client.readable(20)) return true;
      if (figure(admin({"stats", "--json"}), "drop_store_failed") > failures) {
        return client.readable(0);
      }
    }
    throw Unexpected("a post is neither acknowledged nor counted as failed");
  }

  ExitCode stop() const { return hubd_->stop(); }

 private:
  fs::path ballast_file() const {
    return "/proc/" + std::to_string(hubd_->pid()) + "/root" + (mount_ / "ballast").string();
  }

  fs::path mount_;
  std::unique_ptr<HubdProcess> hubd_;
};

}  // namespace

TEST_CASE("on a full disk no post is acknowledged, retrieve works, and room heals it") {
  if (!SmallDisk::is_permitted()) {
    WARN("not permitted to mount a small file system of our own here: not tested");
    return;
  }
  const TestHub hub({.start = false});
  const SmallDisk disk(hub);
  RawClient alice = disk.online("alice");
  RawClient bob = disk.online("bob");
  bob.subscribe("alice");
  alice.post("before");
  bob.expect(0xB1);

  disk.fill();
  // What room the files have inside themselves may still take a few.
  std::vector<std::string> acknowledged = {"before"};
  std::vector<std::string> refused;
  while (refused.size() < 5) {
    const std::size_t number = refused.size() + acknowledged.size();
    const std::string text = std::to_string(number) + std::string(900, 'x');
    alice.send(0x30, text);
    if (disk.answers_or_fails(alice, static_cast<long>(refused.size()))) {
      REQUIRE(alice.receive().opcode == 0xB0);
      acknowledged.push_back(text);
      bob.expect(0xB1);
    } else {
      refused.push_back(text);
    }
    REQUIRE(number < 90);
  }
  CHECK(bob.retrieve("1").size() == 1);
  CHECK_FALSE(alice.receive_now());
  CHECK_FALSE(bob.receive_now());  // nobody saw what was refused

  disk.make_room();
  alice.post("after");
  acknowledged.push_back("after");
  CHECK(bob.expect(0xB1).payload == "<alice>after");
  bob.ask(0x21, "alice", 0xA0);
  CHECK_NOTHROW(disk.admin({"check"}));
  const std::string listed = disk.admin({"list-posts", "--json"});
  for (const std::string& text : acknowledged) {
    CHECK(listed.find('"' + text + '"') != std::string::npos);
  }
  for (const std::string& text : refused) {
    CHECK(listed.find('"' + text + '"') == std::string::npos);
  }
  CHECK(disk.stop() == 0);
}

TEST_CASE("on a full disk a sealed client is told that its post was not taken") {
  if (!SmallDisk::is_permitted()) {
    WARN("not permitted to mount a small file system of our own here: not tested");
    return;
  }
  TestHub hub({.start = false});
  const SmallDisk disk(hub);
  SpokeProcess alice = hub.online_spoke("alice", {.hub = disk.address()});
  SpokeProcess bob = hub.online_spoke("bob", {.hub = disk.address()});
  bob.subscribe("alice");
  disk.fill();
  std::vector<std::string> acknowledged;
  int refused = 0;
  for (int i = 0; refused < 5; ++i) {
    REQUIRE(i < 90);
    const std::string text = std::to_string(i) + std::string(900, 'x');
    alice.type("post#" + text);
    const std::string reply = alice.expect_any();
    if (reply == "post_ack#successful") {
      acknowledged.push_back(text);
    } else {
      CHECK(reply == "error#disk_full");
      ++refused;
    }
  }
  for (const std::string& text : acknowledged) bob.expect("<alice>" + text);
  bob.expect_nothing();
  disk.make_room();
  alice.post("after");
  bob.expect("<alice>after");
  CHECK(disk.stop() == 0);
}

}  // namespace hub::test
