#include "store/data_directory.hpp"

#include <csignal>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_directory.hpp"

using namespace hub::store;
using namespace hub::test;

namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("a data directory is made private, with its parents, and an existing one left alone") {
  TempDirectory temp;
  const mode_t before = ::umask(0);
  const DataDirectory fresh(temp / "a/b");
  fresh.create();
  REQUIRE(mode_of(fresh.path()) == 0700);
  const DataDirectory open(temp / "open");
  std::filesystem::create_directory(open.path());
  std::filesystem::permissions(open.path(), std::filesystem::perms(0750));
  open.create();
  REQUIRE(mode_of(open.path()) == 0750);
  REQUIRE(DirectoryLock::take(fresh, "hubd").has_value());
  REQUIRE(mode_of(fresh.lock_file()) == 0600);
  ::umask(before);
}

TEST_CASE("a data directory that cannot be made says so") {
  TempDirectory temp;
  std::ofstream(temp / "file") << "in the way";
  REQUIRE_THROWS_WITH(DataDirectory(temp / "file").create(),
                      Catch::Contains("cannot make the directory"));
  REQUIRE_THROWS_WITH(DataDirectory(temp / "file/below").create(),
                      Catch::Contains("cannot make the directory"));
  REQUIRE_THROWS_WITH(DirectoryLock::take(DataDirectory(temp / "missing"), "hubd"),
                      Catch::Contains("cannot make the lock file"));
}

TEST_CASE("a data directory has one holder, who is named, until it lets go") {
  TempDirectory temp;
  const DataDirectory directory(temp.path());
  REQUIRE(DirectoryLock::holder(directory).empty());
  {
    auto lock = DirectoryLock::take(directory, "hubd");
    REQUIRE(lock.has_value());
    REQUIRE_FALSE(DirectoryLock::take(directory, "hubadmin").has_value());
    REQUIRE(DirectoryLock::holder(directory) ==
            "hubd (process " + std::to_string(::getpid()) + ")");
    const DirectoryLock moved = std::move(*lock);
    lock.reset();
    REQUIRE_FALSE(DirectoryLock::take(directory, "hubadmin").has_value());
  }
  REQUIRE(DirectoryLock::holder(directory).empty());
  REQUIRE(DirectoryLock::take(directory, "hubadmin").has_value());
}

TEST_CASE("the lock of a process that was killed is free") {
  TempDirectory temp;
  const DataDirectory directory(temp.path());
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = DirectoryLock::take(directory, "hubd");
    const char said = lock ? '1' : '0';
    if (::write(ready[1], &said, 1) == 1) ::pause();
    ::_exit(1);
  }
  char said = 0;
  REQUIRE(::read(ready[0], &said, 1) == 1);
  REQUIRE(said == '1');
  REQUIRE(DirectoryLock::holder(directory) == "hubd (process " + std::to_string(child) + ")");
  REQUIRE_FALSE(DirectoryLock::take(directory, "hubd").has_value());
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  REQUIRE(DirectoryLock::holder(directory).empty());
  REQUIRE(DirectoryLock::take(directory, "hubd").has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}
