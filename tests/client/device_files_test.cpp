#include "client/net/device_files.hpp"

#include <csignal>
#include <memory>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/client/device_program.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/unprivileged.hpp"

namespace hub::client {
namespace {

namespace fs = std::filesystem;
using test::TempDirectory;

}  // namespace

TEST_CASE("device files: made with their directories, all private, and found again") {
  const TempDirectory temp;
  const fs::path state = temp / "home/state/spoke";
  const mode_t before = ::umask(0);
  DeviceId id{};
  {
    Program one(state);
    REQUIRE(one.kept);
    id = one.device->id();
    one.device->make_secret(one.random);
    one.device->keep_secret(one.out);
    one.device->take_mark({7, 40}, 0, one.out);
    REQUIRE(one.ask("first"));
    REQUIRE(one.ask("second"));
    REQUIRE(one.answer(1));
    REQUIRE(one.show(42));
    REQUIRE(one.show(43));
  }
  ::umask(before);
  const fs::path directory = directory_of(state, ann());
  for (const fs::path& each : {state, state / "devices", directory}) CHECK(mode_of(each) == 0700);
  for (const char* name : {"0.lock", "0.device", "0.mark", "0.outbox"}) {
    CAPTURE(name);
    CHECK(mode_of(directory / name) == 0600);
  }
  CHECK_FALSE(fs::exists(directory / "0.device.new"));
  Program again(state);
  CHECK(again.place == directory / "0");
  CHECK(again.device->id() == id);
  CHECK(again.device->can_resume());
  CHECK(again.device->mark() == sealed::Mark{7, 43});
  REQUIRE(again.device->outbox().waiting().size() == 1);
  CHECK(again.device->outbox().waiting()[0].payload == "second");
}

TEST_CASE("device files: every account at every hub has its own") {
  const TempDirectory temp;
  Program one(temp.path());
  Program bob(temp.path(), {"bob", key(1), std::nullopt});
  Program elsewhere(temp.path(), ann(2));
  CHECK(one.device->id() != bob.device->id());
  CHECK(one.device->id() != elsewhere.device->id());
}

TEST_CASE("device files: who opens another device gives the one before away") {
  const TempDirectory temp;
  Program one(temp.path());
  const DeviceId id = one.device->id();
  REQUIRE(one.files.open({"bob", key(1), std::nullopt}));
  CHECK(Program(temp.path()).device->id() == id);
  REQUIRE(one.files.open(ann()));
  const auto same = one.files.open(ann());  // our own lock is in nobody's way
  REQUIRE(same);
  CHECK(same->place == directory_of(temp.path(), ann()) / "0");
}

TEST_CASE("device files: a second program takes the next slot, and is another device") {
  const TempDirectory temp;
  auto one = std::make_unique<Program>(temp.path());
  Program two(temp.path());
  CHECK(one->place == directory_of(temp.path(), ann()) / "0");
  CHECK(two.place == directory_of(temp.path(), ann()) / "1");
  CHECK(one->device->id() != two.device->id());
  const DeviceId id = one->device->id();
  REQUIRE(one->ask("of the first"));
  one.reset();
  Program three(temp.path());
  CHECK(three.device->id() == id);
  CHECK(three.device->outbox().waiting().size() == 1);
  CHECK(two.device->outbox().waiting().empty());
}

TEST_CASE("device files: a slot in which requests wait is taken first, if its program has ended") {
  const TempDirectory temp;
  auto one = std::make_unique<Program>(temp.path());
  DeviceId left{};
  {
    Program two(temp.path());
    REQUIRE(two.ask("left behind"));
    left = two.device->id();
  }
  one.reset();
  Program next(temp.path());
  CHECK(next.device->id() == left);
  CHECK(next.device->outbox().waiting().size() == 1);
  Program other(temp.path());  // it is in use: the first slot is
  CHECK(other.device->id() != left);
  CHECK(other.device->outbox().waiting().empty());
  REQUIRE(next.answer(1));
}

TEST_CASE("device files: a lock ends with its process, however that ends") {
  const TempDirectory temp;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    DeviceFilesOnDisk files(temp.path());
    const char ok = files.open(ann()) ? 'y' : 'n';
    if (::write(ready[1], &ok, 1) == 1) ::pause();
    ::_exit(0);
  }
  REQUIRE(child > 0);
  char ok = 0;
  REQUIRE(::read(ready[0], &ok, 1) == 1);
  CHECK(ok == 'y');
  CHECK(Program(temp.path()).place == directory_of(temp.path(), ann()) / "1");
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(Program(temp.path()).place == directory_of(temp.path(), ann()) / "0");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("device files: there are as many slots as a hub lets an account have devices") {
  const TempDirectory temp;
  std::vector<std::unique_ptr<DeviceFilesOnDisk>> open;
  for (int i = 0; i < 32; ++i) {
    open.push_back(std::make_unique<DeviceFilesOnDisk>(temp.path()));
    REQUIRE(open.back()->open(ann()));
  }
  DeviceFilesOnDisk more(temp.path());
  const auto refused = more.open(ann());
  REQUIRE_FALSE(refused);
  CHECK(says(refused.error(), "32 programs"));
  open[17].reset();
  REQUIRE(more.open(ann()));
}

TEST_CASE("device files: a hub that has another key now keeps its devices") {
  const TempDirectory temp;
  auto one = std::make_unique<Program>(temp.path());
  const DeviceId id = one->device->id();
  const OpenDevice changed{"ann", key(2), key(1)};
  SECTION("which go with it") {
    one.reset();
    CHECK(Program(temp.path(), changed).device->id() == id);
    CHECK_FALSE(fs::exists(directory_of(temp.path(), ann())));
    CHECK(Program(temp.path(), changed).device->id() == id);  // and stay
  }
  SECTION("unless there are some under the new key already") {
    const DeviceId other = Program(temp.path(), ann(2)).device->id();
    one.reset();
    CHECK(Program(temp.path(), changed).device->id() == other);
    CHECK(Program(temp.path()).device->id() == id);
  }
  SECTION("also one that is in use meanwhile") {
    Program two(temp.path(), changed);
    CHECK(two.device->id() != id);
    CHECK(two.place == directory_of(temp.path(), changed) / "1");
    REQUIRE(one->ask("still kept"));
    one->device->make_secret(one->random);
    one->device->keep_secret(one->out);
    CHECK(one->keep());  // written whole, where the directory is now
    one.reset();
    Program three(temp.path(), changed);
    CHECK(three.device->id() == id);
    CHECK(three.device->can_resume());
    CHECK(three.device->outbox().waiting().size() == 1);
  }
  SECTION("and nothing is made where there was none") {
    Program(temp.path(), {"bob", key(2), key(1)});
    CHECK_FALSE(fs::exists(directory_of(temp.path(), {"bob", key(1), std::nullopt})));
  }
}

TEST_CASE("device files: what others may read or write is refused") {
  const TempDirectory temp;
  { Program one(temp.path()); }
  const fs::path directory = directory_of(temp.path(), ann());
  const auto refused = [&](const fs::path& path, mode_t mode, const char* remedy) {
    CAPTURE(path, mode);
    const mode_t before = mode_of(path);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    DeviceFilesOnDisk files(temp.path());
    const auto opened = files.open(ann());
    REQUIRE_FALSE(opened);
    CHECK(says(opened.error(), remedy + path.native()));
    REQUIRE(::chmod(path.c_str(), before) == 0);
  };
  for (const char* name : {"0.device", "0.mark", "0.outbox"}) {
    refused(directory / name, 0620, "chmod 600 ");
    refused(directory / name, 0602, "chmod 600 ");
    refused(directory / name, 0640, "chmod 600 ");
    refused(directory / name, 0604, "chmod 600 ");
  }
  for (const fs::path& each : {directory, temp / "devices"}) {
    refused(each, 0770, "chmod 700 ");
    refused(each, 0707, "chmod 700 ");
  }
  CHECK(Program(temp.path()).place == directory / "0");  // a refusal holds no lock
}

TEST_CASE("device files: no symbolic link is followed, and no endless file read") {
  const TempDirectory temp;
  { Program one(temp.path()); }
  const fs::path outbox = directory_of(temp.path(), ann()) / "0.outbox";
  DeviceFilesOnDisk files(temp.path());
  SECTION("a link") {
    fs::rename(outbox, temp / "elsewhere");
    fs::create_symlink(temp / "elsewhere", outbox);
    CHECK_FALSE(files.open(ann()));
  }
  SECTION("a directory") {
    fs::remove(outbox);
    fs::create_directory(outbox);
    CHECK_FALSE(files.open(ann()));
  }
  SECTION("too long") {  // half of it would look like one whose last line was cut
    fs::resize_file(outbox, (std::uintmax_t{64} << 20) + 1);
    const auto opened = files.open(ann());
    REQUIRE_FALSE(opened);
    CHECK(says(opened.error(), "is longer than"));
  }
}

TEST_CASE("device files: there is a sentence where nothing can be kept") {
  CHECK_FALSE(DeviceFilesOnDisk(fs::path()).open(ann()));
  const auto nowhere = DeviceFilesOnDisk("/proc/nowhere").open(ann());
  REQUIRE_FALSE(nowhere);
  CHECK(says(nowhere.error(), "cannot make the directory /proc/nowhere"));

  const TempDirectory temp;
  const test::Unprivileged nobody(temp.path());
  if (!nobody.is_bound()) return;
  Program one(temp.path());
  REQUIRE(one.kept);
  const fs::path directory = directory_of(temp.path(), ann());
  REQUIRE(::chmod(directory.c_str(), 0500) == 0);
  CHECK(one.ask("appended"));  // needs no new file
  CHECK(one.show(5));
  one.device->make_secret(one.random);
  one.device->keep_secret(one.out);
  CHECK_FALSE(one.keep());
  CHECK(says(one.error, "0.device"));
  DeviceFilesOnDisk other(temp.path());
  const auto opened = other.open(ann());  // the next slot's lock cannot be made
  REQUIRE_FALSE(opened);
  CHECK(says(opened.error(), "1.lock"));
  // What was owed is written before the next request is promised to be kept.
  REQUIRE(::chmod(directory.c_str(), 0700) == 0);
  CHECK(one.ask("more"));
  CHECK(says(read(directory / "0.device"), "secret "));
}

TEST_CASE("device files: no more is kept than can be read again") {
  const TempDirectory temp;
  Program one(temp.path());
  REQUIRE(one.ask("one"));
  const fs::path outbox = directory_of(temp.path(), ann()) / "0.outbox";
  fs::resize_file(outbox, (std::uintmax_t{32} << 20) + 1);
  CHECK_FALSE(one.ask("two"));
  CHECK(says(one.error, "0.outbox is full: wait until the hub has answered some of it"));
  CHECK(fs::file_size(outbox) == (std::uintmax_t{32} << 20) + 1);
}

TEST_CASE("device files: what was not sent is set aside, each time under its own name") {
  const TempDirectory temp;
  const fs::path directory = directory_of(temp.path(), ann());
  Program one(temp.path());
  for (const char* name : {"0.outbox.unsent-1", "0.outbox.unsent-2"}) {
    REQUIRE(one.ask(name));
    const std::string before = read(directory / "0.outbox");
    one.device->renew(one.random, one.out);
    REQUIRE(one.keep());
    CHECK(read(directory / name) == before);
    CHECK(mode_of(directory / name) == 0600);
  }
  one.device->renew(one.random, one.out);  // nothing waits
  REQUIRE(one.keep());
  CHECK_FALSE(fs::exists(directory / "0.outbox.unsent-3"));
}

TEST_CASE("device files: they follow the hub to its next key, with whoever has them open") {
  const TempDirectory temp;
  Program one(temp.path());
  Program two(temp.path());
  REQUIRE(one.ask("before"));
  REQUIRE(one.files.move_to(key(1)));
  REQUIRE(one.files.move_to(key(2)));
  REQUIRE(two.files.move_to(key(2)));  // they are there already
  CHECK_FALSE(fs::exists(directory_of(temp.path(), ann(1))));
  REQUIRE(one.ask("and after"));
  REQUIRE(two.ask("as well"));
  const DeviceId id = one.device->id();
  one.files = DeviceFilesOnDisk(temp.path());
  Program again(temp.path(), ann(2));
  CHECK(again.device->id() == id);
  CHECK(again.device->outbox().waiting().size() == 2);

  // What is there already is another's.
  Program other(temp.path(), ann(3));
  const auto refused = other.files.move_to(key(2));
  REQUIRE_FALSE(refused);
  CHECK(says(refused.error(), key_text(key(3))));
  REQUIRE(other.ask("goes on"));
}

}  // namespace hub::client
