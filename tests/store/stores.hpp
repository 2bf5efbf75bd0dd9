// The two stores under one handle, so that a suite can run on both.
#pragma once

#include <memory>

#include "protocol/limits.hpp"
#include "store/sqlite_store.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/store_verbs.hpp"
#include "tests/support/temp_directory.hpp"

namespace hub::test {

inline constexpr KdfParams kCheapKdf{kMinKdfMemory, kMinKdfPasses};

inline void make_database(const std::filesystem::path& file) {
  SystemRandom random;
  store::create_database(file, kCheapKdf, random);
}

/// The database as kill -9 leaves it: its files, copied while the store is open.
inline std::filesystem::path crash_copy(const std::filesystem::path& file,
                                        const TempDirectory& into) {
  for (const char* suffix : {"", "-wal"}) {
    const std::filesystem::path from = file.string() + suffix;
    if (std::filesystem::exists(from)) {
      std::filesystem::copy_file(from, into / from.filename().string());
    }
  }
  return into / file.filename().string();
}

class InMemory {
 public:
  explicit InMemory(const store::StoreOptions& options) : store_(options) {}
  store::Store& store() { return store_; }
  void reopen() { store_.reopen(); }
  void fail_next_commit(control::Refusal why) { store_.fail_next_commit(why); }

 private:
  MemoryStore store_;
};

class OnDisk {
 public:
  explicit OnDisk(const store::StoreOptions& options) : options_(options) {
    make_database(file());
    open();
  }
  store::Store& store() { return *store_; }
  std::filesystem::path file() const { return directory_ / "hub.db"; }
  void open() { store_ = store::SqliteStore::open(file(), options_); }
  void close() { store_.reset(); }
  void reopen() {
    close();
    open();
  }
  void fail_next_commit(control::Refusal why) {
    disk_.fail_after(0,
                     why == control::Refusal::kDiskFull ? FaultyDisk::Failure::kFull
                                                        : FaultyDisk::Failure::kWriteError,
                     false);
  }
  FaultyDisk& disk() { return disk_; }

 private:
  const store::StoreOptions options_;
  FaultyDisk disk_;
  TempDirectory directory_;
  std::unique_ptr<store::SqliteStore> store_;
};

/// The verbs on a store of its own.
template <typename Kind>
class StoreWorld {
 public:
  explicit StoreWorld(const store::StoreOptions& options = {})
      : kind_(options), verbs_(std::make_unique<StoreVerbs>(kind_.store())) {}

  StoreVerbs* operator->() { return verbs_.get(); }
  StoreVerbs& verbs() { return *verbs_; }
  Kind& kind() { return kind_; }

  /// Runs `between` while the store is closed.
  template <typename Between>
  void reopen(Between&& between) {
    verbs_.reset();
    kind_.close();
    between();
    kind_.open();
    verbs_ = std::make_unique<StoreVerbs>(kind_.store());
  }
  void reopen() {
    verbs_.reset();
    kind_.reopen();
    verbs_ = std::make_unique<StoreVerbs>(kind_.store());
  }

 private:
  Kind kind_;
  std::unique_ptr<StoreVerbs> verbs_;
};

}  // namespace hub::test
