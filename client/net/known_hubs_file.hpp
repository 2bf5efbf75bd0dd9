// known_hubs on disk: $XDG_STATE_HOME/spoke/known_hubs, by default in ~/.local/state/spoke.
//
// The directory is made with mode 0700, the file with 0600; one that others may write to is
// refused. It is replaced as a whole (written beside, synced, renamed) under a lock, so that
// processes do not lose each other's hubs and a crash leaves the old file or the new one. A
// symbolic link stays one. Blocks for the disk, and up to two seconds for the lock.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <tl/expected.hpp>

#include "client/core/known_hubs.hpp"

namespace hub::client {

class KnownHubsFile {
 public:
  explicit KnownHubsFile(std::filesystem::path directory);

  std::filesystem::path path() const { return directory_ / "known_hubs"; }

  /// No file is an empty one. The error is a sentence.
  tl::expected<KnownHubs, std::string> load() const;

  using Change = std::function<tl::expected<void, std::string>(KnownHubs&)>;
  /// Reads the file afresh, makes the change, and writes it if that changed anything. The error is
  /// a sentence: the change's own, or what the file system said.
  tl::expected<void, std::string> update(const Change& change) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace hub::client
