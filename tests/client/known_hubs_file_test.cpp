#include "client/net/known_hubs_file.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include "client/net/files.hpp"
#include "protocol/fingerprint.hpp"
#include "tests/support/temp_directory.hpp"

namespace hub::client {
namespace {

namespace fs = std::filesystem;
using test::TempDirectory;

Key key(std::uint8_t n) {
  Key out{};
  out.fill(n);
  return out;
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

KnownHubsFile::Change pin(const std::string& host, std::uint8_t n) {
  return [=](KnownHubs& known) { return known.record_proof({host, 32000}, key(n)); };
}

}  // namespace

TEST_CASE("known_hubs file: made with its directory, both private, and found again") {
  const TempDirectory temp;
  const KnownHubsFile file(temp / "home/state/spoke");
  REQUIRE(file.load());
  CHECK(file.load()->text().empty());
  CHECK_FALSE(fs::exists(temp / "home"));  // reading makes nothing
  const mode_t before = ::umask(0);
  REQUIRE(file.update(pin("hub.example", 1)));
  ::umask(before);
  CHECK(mode_of(temp / "home/state/spoke") == 0700);
  CHECK(mode_of(file.path()) == 0600);
  CHECK(file.load()->compare({"hub.example", 32000}, key(1)) == KeyMatch::kKnown);
}

TEST_CASE(
    "known_hubs file: what somebody wrote by hand stays, and a refused change writes nothing") {
  const TempDirectory temp;
  const KnownHubsFile file(temp.path());
  const std::string mine = "# mine\nhub.example:32000 " + key_text(key(1)) + "\nnonsense here\n";
  std::ofstream(file.path()) << mine;
  REQUIRE(::chmod(file.path().c_str(), 0644) == 0);
  const auto changed = file.update(pin("hub.example", 2));
  REQUIRE_FALSE(changed);
  CHECK(changed.error().find("another key") != std::string::npos);
  REQUIRE(file.update(pin("hub.example", 1)));  // nothing to change
  CHECK(read(file.path()) == mine);
  CHECK(mode_of(file.path()) == 0644);  // not even written
  REQUIRE(file.update(pin("other.example", 2)));
  CHECK(read(file.path()) == mine + "other.example:32000 " + key_text(key(2)) + "\n");
  CHECK_FALSE(fs::exists(temp / "known_hubs.new"));
}

TEST_CASE("known_hubs file: one that others may write to, that is too long or no file is refused") {
  const TempDirectory temp;
  const KnownHubsFile file(temp.path());
  std::ofstream(file.path()) << "# mine\n";
  for (const mode_t mode : {0660, 0602}) {
    REQUIRE(::chmod(file.path().c_str(), mode) == 0);
    REQUIRE_FALSE(file.load());
    CHECK(file.load().error().find("chmod 600 " + file.path().native()) != std::string::npos);
    CHECK_FALSE(file.update(pin("hub.example", 1)));
  }
  REQUIRE(::chmod(file.path().c_str(), 0600) == 0);
  std::ofstream(file.path()) << std::string(KnownHubs::kMaxBytes + 1, '#');
  CHECK_FALSE(file.load());
  CHECK_FALSE(file.update(pin("hub.example", 1)));
  CHECK(fs::file_size(file.path()) == KnownHubs::kMaxBytes + 1);
  fs::remove(file.path());
  fs::create_directory(file.path());
  CHECK_FALSE(file.load());
  CHECK_FALSE(KnownHubsFile("/proc/nowhere").update(pin("hub.example", 1)));
}

TEST_CASE("known_hubs file: a symbolic link stays one, and a rest of a crash is no obstacle") {
  const TempDirectory temp;
  fs::create_directory(temp / "dotfiles");
  fs::create_directory(temp / "spoke");
  const KnownHubsFile file(temp / "spoke");
  std::ofstream(temp / "dotfiles/hubs") << "# mine\n";
  std::ofstream(temp / "dotfiles/hubs.new") << "half";
  fs::create_symlink("../dotfiles/hubs", file.path());
  REQUIRE(file.update(pin("hub.example", 1)));
  CHECK(fs::is_symlink(file.path()));
  CHECK(read(temp / "dotfiles/hubs").find("hub.example") != std::string::npos);
  CHECK_FALSE(fs::exists(temp / "dotfiles/hubs.new"));
}

TEST_CASE("known_hubs file: those who write at the same time lose nothing") {
  const TempDirectory temp;
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  std::vector<std::thread> threads;
  std::vector<int> done(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&temp, &done, t] {
      const KnownHubsFile file(temp.path());
      for (int i = 0; i < kEach; ++i) {
        if (file.update(pin(fmt::format("h{}-{}", t, i), 1))) ++done[static_cast<std::size_t>(t)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == std::vector<int>(kThreads, kEach));
  const auto known = KnownHubsFile(temp.path()).load();
  REQUIRE(known);
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) CHECK(known->find({fmt::format("h{}-{}", t, i), 32000}));
  }
}

TEST_CASE("known_hubs file: it is where the environment says") {
  struct Restored {
    const char* name;
    std::string value = std::getenv(name) != nullptr ? std::getenv(name) : "";
    ~Restored() { value.empty() ? ::unsetenv(name) : ::setenv(name, value.c_str(), 1); }
  };
  const Restored home{"HOME"};
  const Restored state{"XDG_STATE_HOME"};
  ::unsetenv("HOME");
  ::unsetenv("XDG_STATE_HOME");
  CHECK(state_directory().empty());
  ::setenv("HOME", "/home/ann", 1);
  CHECK(state_directory() == "/home/ann/.local/state/spoke");
  ::setenv("XDG_STATE_HOME", "relative", 1);
  CHECK(state_directory() == "/home/ann/.local/state/spoke");
  ::setenv("XDG_STATE_HOME", "/xdg", 1);
  CHECK(state_directory() == "/xdg/spoke");
}

}  // namespace hub::client
