// The reserve as a real file. What a store does with one: full_disk_test.cpp.
#include "store/disk_reserve.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "store/sqlite_store.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/size_limit.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

constexpr std::uint64_t kSize = 1024 * 1024;

struct stat status_of(const std::filesystem::path& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status;
}

std::uint64_t bytes_on_disk(const std::filesystem::path& file) {
  return static_cast<std::uint64_t>(status_of(file).st_blocks) * 512;
}

}  // namespace

TEST_CASE("a reserve is a private file that has its blocks, and nobody's when it is given up") {
  TempDirectory directory;
  const auto file = directory / "reserve";
  ReserveFile reserve(file, kSize);
  REQUIRE_FALSE(reserve.is_held());
  REQUIRE(reserve.take());
  REQUIRE(reserve.is_held());
  REQUIRE(status_of(file).st_size == static_cast<off_t>(kSize));
  REQUIRE((status_of(file).st_mode & 07777) == 0600);
  REQUIRE(bytes_on_disk(file) >= kSize);
  REQUIRE(bytes_on_disk(file) < 2 * kSize);  // what had to be free beside it is not kept

  REQUIRE(ReserveFile(file, kSize).is_held());
  REQUIRE(ReserveFile(file, std::nullopt).is_held());
  REQUIRE_FALSE(ReserveFile(file, kSize / 2).is_held());
  REQUIRE_FALSE(ReserveFile(file, 2 * kSize).is_held());

  reserve.give_up();
  REQUIRE_FALSE(reserve.is_held());
  REQUIRE(bytes_on_disk(file) == 0);
  REQUIRE_FALSE(ReserveFile(file, kSize).is_held());
  REQUIRE_FALSE(ReserveFile(file, std::nullopt).is_held());
  REQUIRE(reserve.take());
}

TEST_CASE("a reserve of another size is made to measure, and one of none removed") {
  TempDirectory directory;
  const auto file = directory / "reserve";
  REQUIRE(ReserveFile(file, 2 * kSize).take());
  REQUIRE(ReserveFile(file, kSize).take());
  REQUIRE(status_of(file).st_size == static_cast<off_t>(kSize));
  REQUIRE(ReserveFile(file, 3 * kSize).take());
  REQUIRE(bytes_on_disk(file) >= 3 * kSize);
  ReserveFile left(file, std::nullopt);
  REQUIRE(left.is_held());
  REQUIRE(left.size() == 0);
  const ReserveFile none(file, 0);
  REQUIRE_FALSE(none.is_held());
  REQUIRE_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a reserve whose blocks are missing is not one") {
  TempDirectory directory;
  const auto file = directory / "reserve";
  std::ofstream(file).put('x');
  std::filesystem::resize_file(file, kSize);  // a copy made by a tool that leaves holes
  ReserveFile reserve(file, kSize);
  REQUIRE_FALSE(reserve.is_held());
  REQUIRE(reserve.take());
  REQUIRE(bytes_on_disk(file) >= kSize);
}

TEST_CASE("a reserve is not taken where as much again is not free") {
  TempDirectory directory;
  const auto file = directory / "reserve";
  ReserveFile reserve(file, kSize);
  {
    const SizeLimit limit(2 * kSize - 1);
    REQUIRE_FALSE(reserve.take());
    REQUIRE(bytes_on_disk(file) == 0);  // a failed try keeps nothing from others
  }
  const SizeLimit limit(2 * kSize);
  REQUIRE(reserve.take());
}

TEST_CASE("a reserve larger than the disk is not even tried") {
  TempDirectory directory;
  ReserveFile reserve(directory / "reserve", *free_bytes(directory.path()));
  REQUIRE_FALSE(reserve.take());
}

TEST_CASE("what stands in the place of a reserve is left alone") {
  TempDirectory directory;
  std::filesystem::create_directory(directory / "directory");
  std::ofstream(directory / "target") << "somebody's";
  std::filesystem::create_symlink(directory / "target", directory / "link");
  for (const char* name : {"directory", "link", "no/where"}) {
    CAPTURE(name);
    ReserveFile reserve(directory / name, kSize);
    REQUIRE_FALSE(reserve.is_held());
    REQUIRE_FALSE(reserve.take());
  }
  REQUIRE(std::filesystem::file_size(directory / "target") == 10);
}

TEST_CASE("a store keeps the reserve that its options say, beside its database") {
  TempDirectory directory;
  make_database(directory / "hub.db");
  StoreOptions options;
  const auto file = directory / "reserve";
  REQUIRE(reserve_file(directory / "hub.db") == file);
  SqliteStore::open(directory / "hub.db", options);
  REQUIRE_FALSE(std::filesystem::exists(file));
  options.disk_reserve = kSize;
  REQUIRE(SqliteStore::open(directory / "hub.db", options)->health().reserve_bytes == kSize);
  SqliteStore::open(directory / "hub.db", {});  // a tool's
  REQUIRE(std::filesystem::file_size(file) == kSize);
  options.disk_reserve = 0;
  SqliteStore::open(directory / "hub.db", options);
  REQUIRE_FALSE(std::filesystem::exists(file));
}
