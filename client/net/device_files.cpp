#include "client/net/device_files.hpp"

#include <cerrno>
#include <system_error>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"

namespace hub::client {

namespace {

namespace fs = std::filesystem;

/// As many as a hub lets an account have.
constexpr int kMostSlots = 32;
constexpr std::size_t kMaxDeviceBytes = 4096;
constexpr std::size_t kMaxOutboxBytes = std::size_t{64} << 20;

Fd open_file(const fs::path& path, int flags) {
  Fd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) fail("open", path, errno);
  return file;
}

off_t size_of(const Fd& file, const fs::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("read", path, errno);
  return status.st_size;
}

}  // namespace

tl::expected<DeviceFiles, std::string> DeviceFilesOnDisk::open(const OpenDevice& wanted) {
  try {
    if (state_.empty()) {
      throw FileTrouble{"there is no place to keep who this device is: set HOME or XDG_STATE_HOME"};
    }
    const fs::path all = state_ / "devices";
    const auto of_key = [&](const Key& key) {
      return all / (key_text(key) + "-" + wanted.account);
    };
    const fs::path directory = of_key(wanted.hub_key);
    make_directory(state_);
    make_directory(all);
    std::error_code ignored;
    if (wanted.other_key && !fs::exists(directory, ignored)) {
      fs::rename(of_key(*wanted.other_key), directory, ignored);  // there may be none
    }
    make_directory(directory);
    mark_ = Fd();
    outbox_ = Fd();
    take_slot(directory);
    DeviceFiles files;
    files.device = read_file(file("device"), kMaxDeviceBytes);
    files.outbox = read_file(file("outbox"), kMaxOutboxBytes);
    if (const auto mark = read_file(file("mark"), 2 * kMarkRecordBytes)) {
      files.mark.assign(mark->begin(), mark->end());
    }
    mark_ = open_file(file("mark"), O_RDWR | O_CREAT);
    if (files.outbox) outbox_ = open_file(file("outbox"), O_WRONLY | O_APPEND);
    sync_directory(directory);
    return files;
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

void DeviceFilesOnDisk::take_slot(const fs::path& directory) {
  for (int slot = 0; slot < kMostSlots; ++slot) {
    const fs::path base = directory / fmt::format("{}", slot);
    const fs::path path = base.native() + ".lock";
    Fd lock = open_file(path, O_RDWR | O_CREAT);
    const int taken =
        fault("second_process_shares_slot") ? 0 : ::flock(lock.get(), LOCK_EX | LOCK_NB);
    if (taken != 0 && errno == EWOULDBLOCK) continue;
    if (taken != 0) fail("lock", path, errno);
    lock_ = std::move(lock);
    slot_ = base;
    return;
  }
  throw FileTrouble{fmt::format(
      "{} programs are logged in to this account from here already: end one", kMostSlots)};
}

fs::path DeviceFilesOnDisk::file(const char* kind) const { return slot_.native() + "." + kind; }

tl::expected<void, std::string> DeviceFilesOnDisk::keep(const KeepOutput& what) {
  try {
    if (const auto* device = std::get_if<KeepDevice>(&what)) {
      replace_file(file("device"), device->text);
    } else if (const auto* line = std::get_if<AppendOutbox>(&what)) {
      append(*line);
    } else if (const auto* outbox = std::get_if<ReplaceOutbox>(&what)) {
      replace(*outbox);
    } else if (const auto* mark = std::get_if<KeepMark>(&what)) {
      const auto& bytes = mark->record.bytes;
      const auto at = static_cast<off_t>(mark->record.offset);
      const ssize_t wrote = ::pwrite(mark_.get(), bytes.data(), bytes.size(), at);
      if (wrote != static_cast<ssize_t>(bytes.size())) {
        fail("write", file("mark"), wrote < 0 ? errno : ENOSPC);
      }
    }
    return {};
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

/// A line that did not fit is taken back, so that the next one does not stand behind half of it.
void DeviceFilesOnDisk::append(const AppendOutbox& what) {
  const fs::path path = file("outbox");
  const off_t before = size_of(outbox_, path);
  try {
    write_all(outbox_, what.line, path);
    if (what.sync && !fault("outbox_not_synced") && ::fdatasync(outbox_.get()) != 0) {
      fail("write", path, errno);
    }
  } catch (const FileTrouble&) {
    if (::ftruncate(outbox_.get(), before) != 0) outbox_ = Fd();  // nothing more goes in there
    throw;
  }
}

void DeviceFilesOnDisk::replace(const ReplaceOutbox& what) {
  const fs::path path = file("outbox");
  if (what.keep_old) {
    fs::path kept;
    std::error_code error;
    for (int number = 1; kept.empty() || fs::exists(kept, error); ++number) {
      kept = path.native() + fmt::format(".unsent-{}", number);
    }
    if (::link(path.c_str(), kept.c_str()) != 0 && errno != ENOENT) fail("keep", kept, errno);
  }
  replace_file(path, what.text);
  outbox_ = open_file(path, O_WRONLY | O_APPEND);
}

}  // namespace hub::client
