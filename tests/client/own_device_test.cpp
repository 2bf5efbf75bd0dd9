#include "client/core/own_device.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/support/client_disk.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::client {
namespace {

constexpr std::uint64_t kHistory = 7;

/// A device and its disk, on which everything is kept at once.
struct Fixture {
  explicit Fixture(std::uint64_t seed = 1) : random(seed) { open(); }

  void open() {
    out.clear();
    auto opened = OwnDevice::open(disk.files, random, out);
    REQUIRE(opened);
    device.emplace(std::move(*opened));
    emitted = out.size();
    keep();
  }
  void keep() {
    for (const KeepOutput& each : out) REQUIRE(disk.keep(each));
    last = std::exchange(out, {});
  }
  std::uint64_t ask(std::string text) {
    const auto number = device->ask(Opcode::kPost, std::move(text), out);
    keep();
    return number;
  }
  void answer(std::uint64_t number, bool was_done) {
    REQUIRE(device->answered(number, was_done, out));
    keep();
  }
  void log_in(std::uint64_t post = 10) {
    device->make_secret(random);
    device->keep_secret(out);
    device->take_mark({kHistory, post}, 0, out);
    keep();
  }
  void check_reopened_is_same() {
    const OwnDevice before = *device;
    open();
    CHECK(emitted == 0);
    CHECK(device->id() == before.id());
    CHECK(device->secret() == before.secret());
    CHECK(device->mark() == before.mark());
    CHECK(device->outbox().waiting() == before.outbox().waiting());
    CHECK(device->outbox().given() == before.outbox().given());
    CHECK(device->outbox().acknowledged() == before.outbox().acknowledged());
  }
  std::string error() {
    const auto opened = OwnDevice::open(disk.files, random, out);
    return opened ? "" : opened.error();
  }

  test::SeededRandom random;
  test::ClientDisk disk;
  std::vector<KeepOutput> out;
  std::vector<KeepOutput> last;  // what the last step had kept
  std::size_t emitted = 0;
  std::optional<OwnDevice> device;
};

bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("own device: without files it is a new one, its outbox before its name") {
  Fixture one;
  REQUIRE(one.last.size() == 2);
  REQUIRE(std::holds_alternative<ReplaceOutbox>(one.last[0]));
  CHECK_FALSE(std::get<ReplaceOutbox>(one.last[0]).keep_old);
  CHECK(std::holds_alternative<KeepDevice>(one.last[1]));
  CHECK(one.device->id() != DeviceId{});
  CHECK_FALSE(one.device->can_resume());
  CHECK(one.device->mark() == sealed::Mark{});
  CHECK(one.device->outbox().given() == 0);
  one.check_reopened_is_same();
  CHECK(Fixture(2).device->id() != one.device->id());
}

TEST_CASE("own device: all it knows outlasts the program") {
  Fixture one;
  one.log_in();
  one.ask("first");
  one.ask("second");
  one.ask("third");
  one.answer(1, true);
  one.answer(2, false);
  one.device->shown(12, one.out);
  one.keep();
  CHECK(one.device->can_resume());
  CHECK(one.device->mark() == sealed::Mark{kHistory, 12});
  one.check_reopened_is_same();
}

TEST_CASE("own device: a request is synced before it is sent, its answer need not be") {
  Fixture one;
  one.log_in();
  CHECK(one.ask("first") == 1);
  REQUIRE(one.last.size() == 1);
  CHECK(std::get<AppendOutbox>(one.last[0]).sync);
  CHECK(one.ask("second") == 2);
  one.disk.cut_power();
  one.open();
  REQUIRE(one.device->outbox().waiting().size() == 2);
  one.answer(1, true);
  REQUIRE(one.last.size() == 1);
  CHECK_FALSE(std::get<AppendOutbox>(one.last[0]).sync);
  one.disk.cut_power();
  one.open();
  CHECK(one.device->outbox().waiting().size() == 2);  // it is asked again, and the hub repeats
  CHECK_FALSE(one.device->answered(3, true, one.out));
  CHECK(one.out.empty());
}

TEST_CASE("own device: a cut outbox is made whole at once") {
  Fixture one;
  one.ask("first");
  one.ask("second");
  one.disk.files.outbox->pop_back();
  one.open();
  REQUIRE(one.emitted == 1);
  CHECK_FALSE(std::get<ReplaceOutbox>(one.last[0]).keep_old);
  CHECK(one.device->outbox().given() == 1);
  CHECK(one.ask("again") == 2);
  one.check_reopened_is_same();
}

TEST_CASE("own device: a damaged file is named, and what to do about it") {
  Fixture one;
  one.disk.files.place = "/state/0";
  const DeviceFiles whole = one.disk.files;
  one.disk.files.device = "spoke-device 1\nid 12\n";
  CHECK(says(one.error(), "/state/0.device is damaged: line 2"));
  CHECK(says(one.error(), "move /state/0.* away"));
  one.disk.files = whole;
  one.disk.files.outbox->front() = 'x';
  CHECK(says(one.error(), "/state/0.outbox is damaged: line 1"));
  CHECK(says(one.error(), "move /state/0.* away"));
  one.disk.files.outbox.reset();  // its numbers might be given out again
  CHECK(says(one.error(), "/state/0.outbox is damaged: it is missing"));
  CHECK(one.out.empty());
}

TEST_CASE("own device: an outbox of nobody is set aside, whatever is in it") {
  Fixture one;
  one.ask("of the one before");
  const DeviceId before = one.device->id();
  one.disk.files.device.reset();
  if (GENERATE(false, true)) *one.disk.files.outbox = "nonsense\n";
  const std::string left = *one.disk.files.outbox;
  one.open();
  CHECK(one.device->id() != before);
  CHECK(one.device->outbox().waiting().empty());
  CHECK(one.device->outbox().given() == 0);
  CHECK(one.disk.set_aside == std::vector<std::string>{left});
  one.check_reopened_is_same();
}

TEST_CASE("own device: a mark that is damaged is none, and the hub's copy serves") {
  Fixture one;
  one.log_in();
  one.disk.files.mark.assign(64, 0xAA);
  one.open();
  CHECK(one.device->mark() == sealed::Mark{});
  one.device->take_mark({kHistory, 5}, 0, one.out);
  one.keep();
  CHECK(one.device->mark() == sealed::Mark{kHistory, 5});
  one.check_reopened_is_same();
}

TEST_CASE("own device: a secret lasts once the login was right") {
  Fixture one;
  one.device->keep_secret(one.out);  // none was made
  CHECK(one.out.empty());
  one.device->make_secret(one.random);
  const Key made = one.device->login_secret();
  CHECK(made != Key{});
  CHECK_FALSE(one.device->can_resume());
  CHECK(one.out.empty());
  one.device->make_secret(one.random);  // the login is tried again
  CHECK(one.device->login_secret() == made);
  one.device->keep_secret(one.out);
  one.keep();
  CHECK(one.device->secret() == made);
  one.device->make_secret(one.random);  // there is one
  CHECK(one.device->login_secret() == made);
  one.check_reopened_is_same();
}

TEST_CASE("own device: after a logout the password is needed, and the rest stays") {
  Fixture one;
  one.log_in();
  one.ask("first");
  const Key secret = *one.device->secret();
  const DeviceId id = one.device->id();
  one.device->forget_secret(one.out);
  one.keep();
  CHECK_FALSE(one.device->can_resume());
  CHECK(one.device->login_secret() == Key{});
  CHECK_FALSE(says(*one.disk.files.device, "secret"));
  one.check_reopened_is_same();
  CHECK(one.device->id() == id);
  CHECK(one.device->mark() == sealed::Mark{kHistory, 10});
  CHECK(one.device->outbox().waiting().size() == 1);
  one.device->forget_secret(one.out);
  CHECK(one.out.empty());
  one.log_in();
  CHECK(one.device->secret() != secret);
}

TEST_CASE("own device: whether its numbers can be trusted") {
  Fixture one;
  one.log_in();
  for (int i = 0; i < 5; ++i) one.ask("x");
  one.answer(1, true);
  one.answer(2, true);
  one.answer(3, false);
  const sealed::Mark same{kHistory, 99};
  const sealed::Mark other{kHistory + 1, 99};
  // Five were given out, two done; the fourth and fifth wait.
  CHECK(one.device->agrees(same, 2));
  CHECK(one.device->agrees(same, 5));
  CHECK_FALSE(one.device->agrees(same, 6));  // somebody went on with a copy of these files
  CHECK_FALSE(one.device->agrees(other, 6));
  CHECK_FALSE(one.device->agrees(same, 1));  // the hub has forgotten the device
  CHECK_FALSE(one.device->agrees(same, 0));
  CHECK(one.device->agrees(other, 1));  // a backup was restored: it cannot know
  CHECK(one.device->agrees(other, 0));
  one.answer(4, false);
  one.answer(5, false);
  CHECK_FALSE(one.device->agrees(same, 0));  // though nothing waits: the answers may be lost yet
  CHECK_FALSE(one.device->agrees(same, 6));
}

TEST_CASE(
    "own device: after a password, a hub that may have forgotten it is not sent the same again") {
  Fixture one;
  one.log_in();
  const sealed::Mark same{kHistory, 99};
  one.ask("may have been sent");
  CHECK(one.device->agrees(same, 0, true));  // known to the hub, which has not done it
  CHECK(one.device->agrees(same, 1, false));
  CHECK_FALSE(one.device->agrees(same, 0, false));
  CHECK(one.device->agrees({kHistory + 1, 99}, 0, false));
  // A mark that was lost with the power says nothing about the history.
  one.disk.files.mark.clear();
  one.open();
  CHECK_FALSE(one.device->agrees(same, 0, false));

  Fixture fresh;
  fresh.device->ask(Opcode::kPost, "typed before the first login", fresh.out, true);
  CHECK(fresh.device->agrees(same, 0, false));  // it never left
}

TEST_CASE("own device: what an older history had done is not looked for in a restored one") {
  Fixture one;
  one.log_in();
  for (int i = 0; i < 5; ++i) one.ask("x");
  for (std::uint64_t n = 1; n <= 5; ++n) one.answer(n, true);
  REQUIRE(one.device->outbox().acknowledged() == 5);
  const sealed::Mark restored{kHistory + 1, 3};
  REQUIRE(one.device->agrees(restored, 2));
  one.device->take_mark(restored, 2, one.out);
  REQUIRE(one.out.size() == 2);
  CHECK(std::holds_alternative<ReplaceOutbox>(one.out[0]));
  CHECK(std::get<KeepMark>(one.out[1]).sync);
  one.keep();
  one.ask("after the restore");
  CHECK(one.device->agrees(restored, 2));
  CHECK_FALSE(one.device->agrees(restored, 1));
  CHECK(one.device->outbox().given() == 6);
  one.check_reopened_is_same();
}

TEST_CASE("own device: where its mark is new it lasts, and outlives a loss of power") {
  Fixture one;
  one.log_in(10);
  for (MessageId post = 11; post < 20; ++post) one.device->shown(post, one.out);
  for (const KeepOutput& each : one.out) CHECK_FALSE(std::get<KeepMark>(each).sync);
  one.keep();
  one.disk.cut_power();
  one.open();
  CHECK(one.device->mark() == sealed::Mark{kHistory, 10});
}

TEST_CASE("own device: its own mark counts, unless it is of another history") {
  Fixture one;
  one.device->take_mark({kHistory, 10}, 0, one.out);
  REQUIRE(one.out.size() == 1);
  one.keep();
  one.device->take_mark({kHistory, 5}, 0, one.out);  // the hub's copy is older
  CHECK(one.out.empty());
  CHECK(one.device->mark() == sealed::Mark{kHistory, 10});
  one.device->shown(10, one.out);
  one.device->shown(9, one.out);
  CHECK(one.out.empty());
  one.device->shown(12, one.out);
  one.keep();
  CHECK(one.device->mark() == sealed::Mark{kHistory, 12});
  one.device->take_mark({kHistory + 1, 4}, 0, one.out);  // the hub was restored
  one.keep();
  CHECK(one.device->mark() == sealed::Mark{kHistory + 1, 4});
  one.device->shown(5, one.out);
  one.keep();
  CHECK(one.device->mark() == sealed::Mark{kHistory + 1, 5});
  one.check_reopened_is_same();
}

TEST_CASE("own device: another device numbers from one, and the old one's requests are shown") {
  Fixture one;
  one.log_in();
  const DeviceId before = one.device->id();
  const Key secret = *one.device->secret();
  const bool waits = GENERATE(false, true);
  one.ask("done");
  one.answer(1, true);
  if (waits) one.ask("unsent");
  const std::string old_outbox = *one.disk.files.outbox;
  const auto unsent = one.device->renew(one.random, one.out);
  REQUIRE(one.out.size() == 3);
  CHECK(std::get<KeepMark>(one.out[0]).sync);  // nobody else has it
  // The outbox before the device: it must not become the new one's.
  CHECK(std::get<ReplaceOutbox>(one.out[1]).keep_old == waits);
  CHECK(std::holds_alternative<KeepDevice>(one.out[2]));
  one.keep();
  REQUIRE(unsent.size() == (waits ? 1 : 0));
  if (waits) {
    CHECK(unsent[0] == Outbox::Request{2, Opcode::kPost, "unsent"});
    CHECK(one.disk.set_aside == std::vector<std::string>{old_outbox});
  }
  CHECK(one.device->id() != before);
  CHECK_FALSE(one.device->can_resume());
  CHECK(one.device->mark() == sealed::Mark{kHistory, 10});
  CHECK(one.device->outbox().given() == 0);
  one.device->make_secret(one.random);
  CHECK(one.device->login_secret() != secret);
  CHECK(one.device->agrees({kHistory, 10}, 0));
  one.check_reopened_is_same();
  CHECK(one.ask("new") == 1);
}

TEST_CASE("own device: an outbox does not grow with all that was ever asked") {
  Fixture one;
  one.log_in();
  const std::string text(1000, 'x');
  std::size_t longest = 0;
  for (std::uint64_t n = 1; n <= 300; ++n) {
    one.ask(text);
    if (n > 3) one.answer(n - 3, n % 2 == 0);
    longest = std::max(longest, one.disk.files.outbox->size());
  }
  CHECK(longest < std::size_t{100} * 1024);
  one.disk.cut_power();
  one.open();
  CHECK(one.device->outbox().given() == 300);
  CHECK(one.device->outbox().acknowledged() >= 290);
}

}  // namespace hub::client
