#include "client/net/device_files.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

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
/// Answers still go in beyond it.
constexpr off_t kFullOutboxBytes = kMaxOutboxBytes / 2;

off_t size_of(const Fd& file, const fs::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("read", path, errno);
  return status.st_size;
}

}  // namespace

tl::expected<DeviceFiles, std::string> DeviceFilesOnDisk::open(const OpenDevice& wanted) {
  lock_ = Fd();
  mark_ = Fd();
  outbox_ = Fd();
  forget_debts();
  try {
    open_directory(wanted);
    take_slot();
    DeviceFiles files;
    files.place = directory_.path(slot_).native();
    files.device = directory_.read(file("device"), kMaxDeviceBytes);
    files.outbox = directory_.read(file("outbox"), kMaxOutboxBytes);
    if (const auto mark = directory_.read(file("mark"), kMaxDeviceBytes)) {
      files.mark.assign(mark->begin(), mark->end());
    }
    mark_ = directory_.open(file("mark"), O_RDWR | O_CREAT);
    if (files.outbox) outbox_ = directory_.open(file("outbox"), O_WRONLY | O_APPEND);
    directory_.sync();
    return files;
  } catch (const FileTrouble& trouble) {
    lock_ = Fd();
    return tl::unexpected(trouble.message);
  }
}

fs::path DeviceFilesOnDisk::directory_of(const Key& hub_key) const {
  return state_ / "devices" / (key_text(hub_key) + "-" + account_);
}

tl::expected<void, std::string> DeviceFilesOnDisk::move_to(const Key& hub_key) {
  if (lock_.get() < 0 || fault("device_left_under_old_key")) return {};
  try {
    directory_.rename(directory_of(hub_key));
    return {};
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

void DeviceFilesOnDisk::open_directory(const OpenDevice& wanted) {
  if (state_.empty()) {
    throw FileTrouble{"there is no place to keep who this device is: set HOME or XDG_STATE_HOME"};
  }
  account_ = wanted.account;
  const fs::path all = state_ / "devices";
  const fs::path path = directory_of(wanted.hub_key);
  make_directory(state_);
  make_directory(all);
  const Directory devices(all);
  devices.refuse_shared();
  std::error_code error;
  if (wanted.other_key && !fs::exists(path, error)) {
    fs::rename(directory_of(*wanted.other_key), path, error);  // there may be none
    if (!error) devices.sync();
  }
  make_directory(path);
  directory_ = Directory(path);
  directory_.refuse_shared();
}

/// One in which requests of an ended program wait, else the first that nobody has.
void DeviceFilesOnDisk::take_slot() {
  const auto take = [this](int slot) {
    slot_ = fmt::format("{}", slot);
    return take_lock();
  };
  for (int slot = 0; slot < kMostSlots && !fault("left_requests_stay"); ++slot) {
    if (has_waiting(slot) && take(slot)) return;
  }
  for (int slot = 0; slot < kMostSlots; ++slot) {
    if (take(slot)) return;
  }
  throw FileTrouble{fmt::format(
      "{} programs are logged in to this account from here already: end one", kMostSlots)};
}

bool DeviceFilesOnDisk::take_lock() {
  Fd lock = directory_.open(file("lock"), O_RDWR | O_CREAT);
  const int taken =
      fault("second_process_shares_slot") ? 0 : ::flock(lock.get(), LOCK_EX | LOCK_NB);
  if (taken != 0 && errno == EWOULDBLOCK) return false;
  if (taken != 0) fail("lock", directory_.path(file("lock")), errno);
  lock_ = std::move(lock);
  return true;
}

/// Without its lock, which its program may have: a hint.
bool DeviceFilesOnDisk::has_waiting(int slot) {
  slot_ = fmt::format("{}", slot);
  try {
    const auto text = directory_.read(file("outbox"), kMaxOutboxBytes);
    if (!text) return false;
    const auto outbox = Outbox::read(*text);
    return outbox && !outbox->waiting().empty();
  } catch (const FileTrouble&) {
    return false;  // whoever takes this slot is told
  }
}

std::string DeviceFilesOnDisk::file(const char* kind) const { return slot_ + "." + kind; }

tl::expected<void, std::string> DeviceFilesOnDisk::keep(const KeepOutput& what) {
  try {
    carry_out(what);
    return {};
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

void DeviceFilesOnDisk::write_mark(const KeepMark& mark) {
  const auto& bytes = mark.record.bytes;
  const auto at = static_cast<off_t>(mark.record.offset);
  const ssize_t wrote = ::pwrite(mark_.get(), bytes.data(), bytes.size(), at);
  if (wrote != static_cast<ssize_t>(bytes.size())) {
    fail("write", directory_.path(file("mark")), wrote < 0 ? errno : ENOSPC);
  }
  if (mark.sync && !fault("mark_never_synced") && ::fdatasync(mark_.get()) != 0) {
    fail("write", directory_.path(file("mark")), errno);
  }
}

void DeviceFilesOnDisk::replace_outbox(const std::string& text) {
  directory_.replace(file("outbox"), text);
  outbox_ = directory_.open(file("outbox"), O_WRONLY | O_APPEND);
}

void DeviceFilesOnDisk::replace_device(const std::string& text) {
  directory_.replace(file("device"), text);
}

/// A line that did not fit is taken back, so that the next one does not stand behind half of it.
void DeviceFilesOnDisk::append_line(const AppendOutbox& what) {
  const fs::path path = directory_.path(file("outbox"));
  const off_t before = size_of(outbox_, path);
  if (what.sync && before > kFullOutboxBytes && !fault("outbox_unbounded")) {
    throw FileTrouble{
        fmt::format("{} is full: wait until the hub has answered some of it", path.native())};
  }
  try {
    write_all(outbox_, what.line, path);
    if (what.sync && !fault("outbox_not_synced") && ::fdatasync(outbox_.get()) != 0) {
      fail("write", path, errno);
    }
  } catch (const FileTrouble&) {
    if (fault("half_a_line_stays")) throw;
    if (::ftruncate(outbox_.get(), before) != 0) outbox_ = Fd();  // nothing more goes in there
    throw;
  }
}

void DeviceFilesOnDisk::set_outbox_aside() {
  for (int number = 1;; ++number) {
    if (directory_.link(file("outbox"), file("outbox") + fmt::format(".unsent-{}", number))) return;
  }
}

}  // namespace hub::client
