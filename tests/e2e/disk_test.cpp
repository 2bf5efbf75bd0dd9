// A full disk: nothing is acknowledged that is not stored, what must go on goes on, and room heals
// it.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/e2e/small_disk.hpp"

namespace hub::test {
namespace {

namespace fs = std::filesystem;

const std::string kFull = "error#disk_full";

std::vector<std::string> with_reserve() { return {"--disk-reserve", "256KiB"}; }

bool permitted() {
  if (SmallDisk::is_permitted()) return true;
  WARN("not permitted to mount a small file system of our own here: not tested");
  return false;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t out = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++out;
  return out;
}

/// The log is written by a thread of its own, so it may come a little later.
void check_said_once(const SmallDisk& disk, const std::string& what) {
  eventually("it is said: " + what, [&] { return count(disk.log(), what) > 0; });
  CHECK(count(disk.log(), what) == 1);
}

/// Posts until the disk is full; what was acknowledged.
std::vector<std::string> post_until_full(SpokeProcess& author) {
  std::vector<std::string> acknowledged;
  for (int i = 0; i < 300; ++i) {
    const std::string text = std::to_string(i) + std::string(900, 'x');
    author.type("post#" + text);
    const std::string reply = author.expect_any();
    if (reply == kFull) return acknowledged;
    CHECK(reply == "post_ack#successful");
    acknowledged.push_back(text);
  }
  FAIL("the disk does not fill up");
  return {};
}

void wait_for_room(const SmallDisk& disk) {
  eventually("posts are taken again", [&] { return disk.stat("disk_tight") == 0; });
}

}  // namespace

TEST_CASE("where there is room the database's log has its size before anything is posted") {
  const TestHub hub;
  CHECK(hub.stat("wal_bytes") > 5'000'000);
}

TEST_CASE("on a full disk posts are refused, all else goes on, and room heals it") {
  if (!permitted()) return;
  TestHub hub({.start = false});
  SmallDisk disk(hub, with_reserve());
  SpokeProcess alice = hub.online_spoke("alice", {.hub = disk.address()});
  SpokeProcess bob = hub.online_spoke("bob", {.hub = disk.address()});
  bob.subscribe("alice");
  CHECK(disk.stat("disk_reserve_bytes") == 256 * 1024);

  disk.fill();
  const std::vector<std::string> acknowledged = post_until_full(alice);
  for (const std::string& text : acknowledged) bob.expect("<alice>" + text);
  for (int i = 0; i < 4; ++i) alice.ask("post#no", kFull);
  bob.ask("subscribe#carol", kFull);
  bob.ask("unsubscribe#nobody", "unsubscribe_ack#failed");  // nobody saw what was refused
  CHECK(disk.stat("disk_tight") == 1);
  CHECK(disk.stat("store_failed") == 0);
  eventually("refusals are counted", [&] { return disk.stat("requests_refused_disk_full") == 6; });
  check_said_once(disk, "the disk is full");

  // Reading, leaving, coming, and an administrator's work.
  if (!acknowledged.empty()) bob.ask("retrieve#1", "<alice>" + acknowledged.back());
  bob.ask("unsubscribe#alice", "unsubscribe_ack#successful");
  bob.ask("logout#", "logout_ack#successful");
  bob.login(TestHub::password_of("bob"));
  SpokeProcess carol = hub.online_spoke("carol", {.hub = disk.address()});
  carol.ask("logout#", "logout_ack#successful");
  disk.admin_ok({"disable-user", "carol"});
  disk.admin_ok({"check"});

  disk.fill();  // another program takes what was kept for this
  const Finished backup = disk.admin({"backup", (disk.data() / "copy.db").string()});
  CHECK(backup.exit == 1);
  CHECK(backup.errors.find("no room for it on the disk") != std::string::npos);
  CHECK_FALSE(fs::exists(disk.seen("data/copy.db")));
  CHECK(disk.admin({"rotate-key"}).exit == 1);
  CHECK(disk.admin_ok({"show-key", "--json"}).find("\"next_key\":null") != std::string::npos);

  disk.make_room();
  wait_for_room(disk);
  bob.subscribe("alice");
  alice.post("after");
  bob.expect("<alice>after");
  CHECK(disk.stat("disk_reserve_bytes") == 256 * 1024);
  check_said_once(disk, "there is room on the disk again");
  CHECK(disk.stop() == 0);
}

TEST_CASE(
    "in the classic framing a full disk leaves a post unanswered, and nothing of it is there") {
  if (!permitted()) return;
  const TestHub hub({.start = false});
  SmallDisk disk(hub, with_reserve());
  RawClient alice = disk.online("alice");
  RawClient bob = disk.online("bob");
  bob.subscribe("alice");
  alice.post("before");
  bob.expect(0xB1);
  disk.fill();
  std::vector<std::string> acknowledged = {"before"};
  std::vector<std::string> refused;
  while (refused.size() < 5) {
    const std::size_t number = refused.size() + acknowledged.size();
    REQUIRE(number < 300);
    const std::string text = std::to_string(number) + std::string(900, 'x');
    alice.send(0x30, text);
    const auto failures = static_cast<long>(refused.size());
    eventually("the post is answered or counted",
               [&] { return alice.readable(20) || disk.stat("drop_store_failed") > failures; });
    if (alice.readable(0)) {
      REQUIRE(alice.receive().opcode == 0xB0);
      acknowledged.push_back(text);
      bob.expect(0xB1);
    } else {
      refused.push_back(text);
    }
  }
  CHECK(bob.retrieve("1").size() == 1);
  CHECK_FALSE(alice.receive_now());
  CHECK_FALSE(bob.receive_now());
  CHECK(disk.online("carol").retrieve("1").empty());  // a login, and it is answered

  disk.make_room();
  wait_for_room(disk);
  alice.post("after");
  acknowledged.push_back("after");
  CHECK(bob.expect(0xB1).payload == "<alice>after");
  disk.admin_ok({"check"});
  const std::string listed = disk.admin_ok({"list-posts", "--json", "--limit", "0"});
  for (const std::string& text : acknowledged) CHECK(count(listed, '"' + text + '"') == 1);
  for (const std::string& text : refused) CHECK(count(listed, '"' + text + '"') == 0);
  CHECK(disk.stop() == 0);
}

TEST_CASE("a hub that is killed while its disk is full starts, and goes on as before") {
  if (!permitted()) return;
  TestHub hub({.start = false});
  SmallDisk disk(hub, with_reserve());
  SpokeProcess alice = hub.online_spoke("alice", {.hub = disk.address()});
  alice.subscribe("alice");
  alice.post("kept");
  alice.expect("<alice>kept");
  disk.fill();
  const std::vector<std::string> acknowledged = post_until_full(alice);
  for (const std::string& text : acknowledged) alice.expect("<alice>" + text);
  disk.kill();
  disk.start();

  SpokeProcess bob = hub.online_spoke("bob", {.hub = disk.address()});
  bob.ask("post#no", kFull);
  CHECK(disk.stat("disk_tight") == 1);
  check_said_once(disk, "cannot be made in");
  alice.ask("retrieve#1", "<alice>" + (acknowledged.empty() ? "kept" : acknowledged.back()));
  alice.ask("post#no", kFull);
  disk.make_room();
  wait_for_room(disk);
  alice.post("after");
  alice.expect("<alice>after");
  disk.admin_ok({"check"});
  CHECK(disk.stop() == 0);
  disk.start();
  CHECK(disk.stat("disk_tight") == 0);
  CHECK(disk.stat("disk_reserve_bytes") == 256 * 1024);
  CHECK(disk.stop() == 0);
}

TEST_CASE("without one free block a hub starts all the same, and those who are online read") {
  if (!permitted()) return;
  TestHub hub({.start = false});
  SmallDisk disk(hub, with_reserve());
  RawClient alice = disk.online("alice");
  alice.subscribe("alice");
  alice.post("kept");
  alice.expect(0xB1);
  disk.fill();
  alice.send(0x30, std::string(900, 'x'));
  eventually("the disk is full", [&] { return disk.stat("disk_tight") == 1; });
  disk.fill();  // another program takes what was kept, too
  disk.kill();
  disk.fill();
  CHECK(disk.free_bytes() == 0);
  disk.start();
  CHECK(disk.free_bytes() == 0);
  CHECK(alice.retrieve("1") == std::vector<std::string>{"<alice>kept"});
  CHECK(disk.admin_ok({"list-posts", "--json"}).find("kept") != std::string::npos);
  CHECK(hub.script("login#bob&bob_pw\n", {.hub = disk.address()}).exit == 1);

  disk.make_room();
  wait_for_room(disk);
  SpokeProcess bob = hub.online_spoke("bob", {.hub = disk.address()});
  bob.subscribe("alice");
  alice.post("after");
  bob.expect("<alice>after");
  disk.admin_ok({"check"});
  CHECK(disk.stop() == 0);
}

TEST_CASE("without a reserve a full disk refuses what it cannot write, and room heals it") {
  if (!permitted()) return;
  TestHub hub({.start = false});
  SmallDisk disk(hub, {"--disk-reserve", "0"});
  SpokeProcess alice = hub.online_spoke("alice", {.hub = disk.address()});
  CHECK_FALSE(fs::exists(disk.seen("data/reserve")));
  disk.fill();
  post_until_full(alice);
  alice.ask("post#no", kFull);
  disk.make_room();
  alice.post("after");
  CHECK(disk.stop() == 0);
}

TEST_CASE(
    "init on a full disk makes nothing, and a disk without room for the reserve is no failure") {
  if (!permitted()) return;
  TestHub hub({.start = false});
  SmallDisk disk(hub, {"--disk-reserve", "16MiB"});  // four times the disk
  check_said_once(disk, "cannot be made in");
  CHECK(disk.stat("disk_tight") == 1);
  SpokeProcess alice = hub.online_spoke("alice", {.hub = disk.address()});
  alice.ask("post#no", kFull);
  CHECK(disk.stop() == 0);

  disk.fill();
  const Finished made =
      disk.inside({program("hubadmin"), "--data", (disk.data() / "new").string(), "init"});
  CHECK(made.exit == 1);
  CHECK(made.errors.find("No space left") != std::string::npos);
  CHECK_FALSE(fs::exists(disk.seen("data/new/hub.key")));
  CHECK_FALSE(fs::exists(disk.seen("data/new/hub.db")));
}

}  // namespace hub::test
