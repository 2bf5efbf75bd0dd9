#include "store/hub_keys.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/fingerprint.hpp"
#include "tests/support/sim_net.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using Catch::Matchers::Contains;
using Why = KeyFileError::Why;

namespace {

struct Keys {
  TempDirectory temp;
  DataDirectory directory{temp.path()};
  SeededRandom random{7};

  std::string text(const std::filesystem::path& path) const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void write(const std::filesystem::path& path, const std::string& text) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
  }
};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

template <typename Call>
std::pair<Why, std::string> error_of(Call call) {
  try {
    call();
  } catch (const KeyFileError& error) {
    return {error.why(), error.what()};
  }
  FAIL("it was accepted");
  return {};
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

bool same(const KeyPair& one, const KeyPair& other) {
  return one.secret == other.secret && one.public_key == other.public_key;
}

}  // namespace

TEST_CASE("a hub's key is made once, private, and found again") {
  Keys k;
  const mode_t before = ::umask(0);
  const HubKeys made = create_hub_keys(k.directory, k.random);
  ::umask(before);
  CHECK(mode_of(k.directory.hub_key()) == 0600);
  CHECK(same(load_hub_keys(k.directory).current, made.current));
  CHECK_FALSE(made.next);
  CHECK(made.current.public_key == public_key_of(made.current.secret));
  CHECK_THAT(k.text(k.directory.hub_key()), Contains(key_text(made.current.public_key)));
  CHECK(error_of([&] { create_hub_keys(k.directory, k.random); }).first == Why::kExists);
  CHECK(same(load_hub_keys(k.directory).current, made.current));
  const FoundHubKeys found = find_or_create_hub_keys(k.directory, k.random);
  CHECK_FALSE(found.are_new);
  CHECK(same(found.keys.current, made.current));
}

TEST_CASE("a hub without a key gets one where it is wanted, and is said to have none elsewhere") {
  Keys k;
  const auto [why, what] = error_of([&] { load_hub_keys(k.directory); });
  CHECK(why == Why::kMissing);
  CHECK_THAT(what, Contains(k.directory.hub_key().native()));
  CHECK(error_of([&] { begin_rotation(k.directory, k.random); }).first == Why::kMissing);
  CHECK(find_or_create_hub_keys(k.directory, k.random).are_new);
  CHECK_NOTHROW(load_hub_keys(k.directory));
}

TEST_CASE("in a rotation both keys are there, and afterwards the next one alone") {
  Keys k;
  const HubKeys first = create_hub_keys(k.directory, k.random);
  CHECK(error_of([&] { finish_rotation(k.directory); }).first == Why::kNothing);
  const HubKeys both = begin_rotation(k.directory, k.random);
  CHECK(same(both.current, first.current));
  REQUIRE(both.next);
  CHECK_FALSE(same(*both.next, both.current));
  const HubKeys loaded = load_hub_keys(k.directory);
  CHECK(same(loaded.current, first.current));
  REQUIRE(loaded.next);
  CHECK(same(*loaded.next, *both.next));
  CHECK(error_of([&] { begin_rotation(k.directory, k.random); }).first == Why::kExists);
  CHECK(same(*load_hub_keys(k.directory).next, *both.next));
  finish_rotation(k.directory);
  const HubKeys last = load_hub_keys(k.directory);
  CHECK(same(last.current, *both.next));
  CHECK_FALSE(last.next);
  CHECK(k.text(k.directory.hub_key()).find(key_text(first.current.secret)) == std::string::npos);
  CHECK(mode_of(k.directory.hub_key()) == 0600);
}

TEST_CASE("a key file that others can read or write is refused, with what to do") {
  Keys k;
  create_hub_keys(k.directory, k.random);
  next_reset_key(k.directory, k.random);
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610, 0777}) {
    CAPTURE(mode);
    REQUIRE(::chmod(k.directory.hub_key().c_str(), mode) == 0);
    const auto [why, what] = error_of([&] { load_hub_keys(k.directory); });
    CHECK(why == Why::kUnusable);
    CHECK_THAT(what, Contains("chmod 600 " + k.directory.hub_key().native()));
    REQUIRE(::chmod(k.directory.reset_key().c_str(), mode) == 0);
    CHECK(error_of([&] { next_reset_key(k.directory, k.random); }).first == Why::kUnusable);
  }
  REQUIRE(::chmod(k.directory.hub_key().c_str(), 0400) == 0);
  CHECK_NOTHROW(load_hub_keys(k.directory));
}

TEST_CASE("a damaged hub.key is refused, without a word of what is in it") {
  Keys k;
  create_hub_keys(k.directory, k.random);
  const HubKeys keys = begin_rotation(k.directory, k.random);
  const std::string good = k.text(k.directory.hub_key());
  const std::string secret = key_text(keys.current.secret);
  std::string flipped = secret;
  flipped[20] = flipped[20] == 'x' ? 'y' : 'x';
  const std::string line = "current " + secret + " " + key_text(keys.current.public_key) + "\n";
  const std::string text = GENERATE_COPY(
      as<std::string>{}, "", "\n\n", "# nothing", replaced(good, secret, flipped),
      replaced(good, secret, secret.substr(1)), replaced(good, secret, secret + "="),
      replaced(good, line, ""), replaced(good, line, line + line), good + line,
      good + "other x y\n", replaced(good, "current", "curent"), replaced(good, "next", "old"),
      replaced(good, "hub-key 1", "hub-key 2"), replaced(good, "hub-key 1", "hub-key"),
      replaced(good, "hub-key 1", "reset-key 1"), good.substr(0, good.size() - 5),
      replaced(good, key_text(keys.next->public_key), key_text(keys.current.public_key)));
  CAPTURE(text);
  k.write(k.directory.hub_key(), text);
  const auto [why, what] = error_of([&] { load_hub_keys(k.directory); });
  CHECK(why == Why::kUnusable);
  CHECK_THAT(what, Contains(k.directory.hub_key().native()) && Contains("copy"));
  CHECK(what.find(secret.substr(1, 10)) == std::string::npos);
  CHECK(error_of([&] { begin_rotation(k.directory, k.random); }).first == Why::kUnusable);
  CHECK(error_of([&] { find_or_create_hub_keys(k.directory, k.random); }).first == Why::kUnusable);
  CHECK(k.text(k.directory.hub_key()) == text);  // nothing was lost by trying
}

TEST_CASE("an operator may write comments into hub.key") {
  Keys k;
  const HubKeys keys = create_hub_keys(k.directory, k.random);
  const std::string text = k.text(k.directory.hub_key());
  k.write(k.directory.hub_key(), "\n# mine\r\n  " + replaced(text, "current", "\tcurrent  ") + "#");
  CHECK(same(load_hub_keys(k.directory).current, keys.current));
}

TEST_CASE("what root makes for a hub belongs to whom the hub belongs to") {
  if (::geteuid() != 0) return;  // only root can give files away
  Keys k;
  REQUIRE(::chown(k.temp.path().c_str(), 65534, 65534) == 0);
  const auto owner_of = [](const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_uid;
  };
  create_hub_keys(k.directory, k.random);
  CHECK(owner_of(k.directory.hub_key()) == 65534);
  REQUIRE(::chown(k.directory.hub_key().c_str(), 1234, 1234) == 0);
  begin_rotation(k.directory, k.random);
  CHECK(owner_of(k.directory.hub_key()) == 1234);
  CHECK(mode_of(k.directory.hub_key()) == 0600);
}

TEST_CASE("what is no file is no key") {
  Keys k;
  std::filesystem::create_directory(k.directory.hub_key());
  CHECK(error_of([&] { load_hub_keys(k.directory); }).first == Why::kUnusable);
  CHECK(error_of([&] { create_hub_keys(k.directory, k.random); }).first == Why::kExists);
}

TEST_CASE("a rest of a crash does not stand in the way, and none is left by a failure") {
  Keys k;
  std::ofstream(k.temp / "hub.key.new") << "half";
  create_hub_keys(k.directory, k.random);
  CHECK_FALSE(std::filesystem::exists(k.temp / "hub.key.new"));
  std::filesystem::create_directories(k.temp / "reset.key/in the way");
  CHECK(error_of([&] { next_reset_key(k.directory, k.random); }).first == Why::kUnusable);
  CHECK_FALSE(std::filesystem::exists(k.temp / "reset.key.new"));
}

TEST_CASE("two rotations at a time make one next key") {
  Keys k;
  create_hub_keys(k.directory, k.random);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      SystemRandom random;
      try {
        begin_rotation(k.directory, random);
        ::_exit(0);
      } catch (const KeyFileError& error) {
        ::_exit(error.why() == Why::kExists ? 1 : 2);
      }
    }
    children.push_back(child);
  }
  int made = 0;
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) <= 1);
    made += WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  CHECK(made == 1);
}

TEST_CASE("no two starts get the same generation of a reset key") {
  Keys k;
  const ResetKey first = next_reset_key(k.directory, k.random);
  CHECK(first.generation == 0);
  CHECK(mode_of(k.directory.reset_key()) == 0600);
  std::set<std::uint32_t> seen = {first.generation};
  for (int i = 0; i < 5; ++i) {
    const ResetKey next = next_reset_key(k.directory, k.random);
    CHECK(next.key == first.key);
    CHECK(seen.insert(next.generation).second);
    // What is on disk is what was given out: a crash right now does not give it out again.
    CHECK_THAT(k.text(k.directory.reset_key()),
               Contains("generation " + std::to_string(next.generation)));
  }
}

TEST_CASE("after the last generation comes a new key") {
  Keys k;
  const ResetKey first = next_reset_key(k.directory, k.random);
  const std::string text = k.text(k.directory.reset_key());
  k.write(k.directory.reset_key(), replaced(text, "generation 0", "generation 16777214"));
  const ResetKey last = next_reset_key(k.directory, k.random);
  CHECK(last.generation == kMaxResetGeneration);
  CHECK(last.key == first.key);
  const ResetKey fresh = next_reset_key(k.directory, k.random);
  CHECK(fresh.generation == 0);
  CHECK(fresh.key != first.key);
  CHECK(next_reset_key(k.directory, k.random).key == fresh.key);
}

TEST_CASE("a damaged reset.key is refused, and may be removed") {
  Keys k;
  const ResetKey first = next_reset_key(k.directory, k.random);
  const std::string good = k.text(k.directory.reset_key());
  const std::string text = GENERATE_COPY(
      as<std::string>{}, "", replaced(good, "generation 0", "generation"),
      replaced(good, "generation 0", "generation -1"),
      replaced(good, "generation 0", "generation 16777216"),
      replaced(good, "generation 0", "generation 99999999999999999999"),
      replaced(good, "generation 0", "generation 0x1"), replaced(good, "generation 0", ""),
      replaced(good, key_text(first.key), "short"), replaced(good, "reset-key 1", "reset-key 9"),
      good + "generation 7\n");
  CAPTURE(text);
  k.write(k.directory.reset_key(), text);
  const auto [why, what] = error_of([&] { next_reset_key(k.directory, k.random); });
  CHECK(why == Why::kUnusable);
  CHECK_THAT(what, Contains("Remove it"));
  std::filesystem::remove(k.directory.reset_key());
  CHECK(next_reset_key(k.directory, k.random).key != first.key);
}
