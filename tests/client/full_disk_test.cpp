// The files of a device on a disk that is full.
#include <csignal>
#include <fstream>
#include <functional>
#include <optional>

#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "tests/client/device_program.hpp"
#include "tests/support/temp_directory.hpp"

namespace hub::client {
namespace {

namespace fs = std::filesystem;
using test::TempDirectory;

/// What the action gives while no file may grow beyond so many bytes: writing there fails, as on a
/// full disk. Nothing is checked meanwhile, for the report may go into a file, too.
bool on_full_disk(rlim_t bytes, const std::function<bool()>& action) {
  struct Limit {
    explicit Limit(rlim_t most) {
      ::signal(SIGXFSZ, SIG_IGN);
      ::getrlimit(RLIMIT_FSIZE, &before);
      const rlimit now{most, before.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~Limit() { ::setrlimit(RLIMIT_FSIZE, &before); }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
    rlimit before{};
  };
  const Limit limit(bytes);
  return action();
}

}  // namespace

TEST_CASE("device files: a request that does not fit is not there, and the next one that does is") {
  const TempDirectory temp;
  Program one(temp.path());
  REQUIRE(one.ask("first"));
  const fs::path outbox = directory_of(temp.path(), ann()) / "0.outbox";
  const std::string before = read(outbox);
  const auto half_a_line = before.size() + 20;
  CHECK_FALSE(on_full_disk(half_a_line, [&] { return one.ask("does not fit"); }));
  CHECK(says(one.error, "cannot write " + outbox.native()));
  CHECK(read(outbox) == before);
  std::vector<KeepOutput> nothing;
  one.device->answered(2, false, nothing);  // as the link does
  REQUIRE(one.ask("fits"));
  const auto again = Outbox::read(read(outbox));
  REQUIRE(again);
  REQUIRE(again->waiting().size() == 2);
  CHECK(again->waiting()[1] == Outbox::Request{3, Opcode::kPost, "fits"});
}

TEST_CASE("device files: a cut line that could not be taken away is not appended to") {
  const TempDirectory temp;
  const fs::path outbox = directory_of(temp.path(), ann()) / "0.outbox";
  {
    Program one(temp.path());
    REQUIRE(one.ask("first"));
  }
  std::ofstream(outbox, std::ios::app) << "ask 2 30 68";
  const std::string cut = read(outbox);
  std::optional<Program> two;
  CHECK_FALSE(on_full_disk(10, [&] {
    two.emplace(temp.path());
    return two->kept;
  }));
  CHECK_FALSE(on_full_disk(10, [&] { return two->ask("not kept"); }));
  std::vector<KeepOutput> nothing;
  two->device->answered(2, false, nothing);
  CHECK(read(outbox) == cut);
  CHECK(two->ask("kept"));
  const auto again = Outbox::read(read(outbox));
  REQUIRE(again);
  REQUIRE(again->waiting().size() == 2);
  CHECK(again->waiting()[1].payload == "kept");
}

TEST_CASE("device files: a new device's name is not kept before its outbox is") {
  const TempDirectory temp;
  const fs::path directory = directory_of(temp.path(), ann());
  Program one(temp.path());
  REQUIRE(one.ask("of the old one"));
  const std::string old_device = read(directory / "0.device");
  const std::string old_outbox = read(directory / "0.outbox");
  one.device->renew(one.random, one.out);
  CHECK_FALSE(on_full_disk(10, [&] { return one.keep(); }));
  CHECK(read(directory / "0.device") == old_device);
  CHECK(read(directory / "0.outbox") == old_outbox);
  REQUIRE(one.ask("of the new one"));
  CHECK(read(directory / "0.outbox.unsent-1") == old_outbox);
  CHECK_FALSE(fs::exists(directory / "0.outbox.unsent-2"));
  const DeviceId id = one.device->id();
  const auto identity = read_device(read(directory / "0.device"));
  REQUIRE(identity);
  CHECK(identity->id == id);
  const auto outbox = Outbox::read(read(directory / "0.outbox"));
  REQUIRE(outbox);
  REQUIRE(outbox->waiting().size() == 1);
  CHECK(outbox->waiting()[0] == Outbox::Request{1, Opcode::kPost, "of the new one"});
}

TEST_CASE("device files: an answer that was not kept is asked for again") {
  const TempDirectory temp;
  {
    Program one(temp.path());
    REQUIRE(one.ask("first"));
    CHECK_FALSE(on_full_disk(1, [&] { return one.answer(1); }));
    CHECK(one.device->outbox().waiting().empty());
  }
  CHECK(Program(temp.path()).device->outbox().waiting().size() == 1);
}

TEST_CASE("device files: an answer that was not kept is kept with the next that is") {
  const TempDirectory temp;
  const bool by_mark = GENERATE(true, false);
  {
    Program one(temp.path());
    REQUIRE(one.ask("first"));
    CHECK_FALSE(on_full_disk(1, [&] { return one.answer(1); }));
    REQUIRE((by_mark ? one.show(2) : one.ask("second")));
  }
  CHECK(Program(temp.path()).device->outbox().waiting().size() == (by_mark ? 0 : 1));
}

TEST_CASE("device files: a mark that cannot be written leaves the one before") {
  const TempDirectory temp;
  {
    Program one(temp.path());
    one.device->take_mark({7, 1}, 0, one.out);
    REQUIRE(one.keep());
    const rlim_t half_a_record = 40;  // of the second
    CHECK_FALSE(on_full_disk(half_a_record, [&] { return one.show(2); }));
  }
  CHECK(Program(temp.path()).device->mark() == sealed::Mark{7, 1});
}

}  // namespace hub::client
