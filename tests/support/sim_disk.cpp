#include "tests/support/sim_disk.hpp"

#include <algorithm>
#include <utility>

#include "tests/support/sim_disk_state.hpp"

namespace hub::test {

namespace {

constexpr std::size_t kSectorBytes = 512;

void make(const SimFile::Change& change, SimFile::Contents& contents) {
  if (change.truncates) return contents.resize(change.offset);
  const std::size_t end = change.offset + change.data.size();
  if (contents.size() < end) contents.resize(end);
  std::copy(change.data.begin(), change.data.end(),
            contents.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

/// Of each sector that the write touches, all that it wrote there or nothing.
void write_torn(const SimFile::Change& change, SimFile::Contents& contents, std::mt19937_64& dice) {
  const std::size_t end = change.offset + change.data.size();
  for (std::size_t at = change.offset; at < end;) {
    const std::size_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    if (dice() % 2 == 0) {
      const auto from = change.data.begin() + static_cast<std::ptrdiff_t>(at - change.offset);
      make({at, {from, from + static_cast<std::ptrdiff_t>(next - at)}, false}, contents);
    }
    at = next;
  }
}

}  // namespace

void SimFile::write(std::size_t offset, const char* data, std::size_t size) {
  unsynced.push_back({offset, Contents(data, data + size), false});
  make(unsynced.back(), now);
}

void SimFile::truncate(std::size_t size) {
  unsynced.push_back({size, {}, true});
  make(unsynced.back(), now);
}

void SimFile::sync() {
  for (const Change& change : unsynced) make(change, durable);
  unsynced.clear();
}

std::optional<int> SimDiskState::before(Kind kind) {
  if (stop_at && operations >= *stop_at) stop();
  if (stopped) return SQLITE_IOERR;
  ++operations;
  if (!armed || operations <= fail_at) return std::nullopt;
  const bool hits_syncs = failure == SimDisk::Failure::kSyncError;
  if (hits_syncs != (kind == Kind::kSync) || kind == Kind::kTruncate) return std::nullopt;
  ++failures;
  if (!lasting) armed = false;
  if (hits_syncs) return SQLITE_IOERR_FSYNC;
  return failure == SimDisk::Failure::kFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

void SimDiskState::stop() {
  stopped = true;
  stop_at.reset();
  if (const auto tell = std::exchange(on_stop, nullptr)) tell();
}

void SimDiskState::sync_name(const std::shared_ptr<SimFile>& file) {
  file->has_durable_name = true;
  for (const auto& [name, known] : files) {
    if (known == file) removed.erase(name);
  }
}

/// `style`: 0 nothing of what was not synced is there, 1 all of it, else each by chance.
SimFile SimDiskState::survivor(const SimFile& file, unsigned style) {
  SimFile left;
  left.durable = file.durable;
  std::vector<const SimFile::Change*> order;
  for (const auto& change : file.unsynced) order.push_back(&change);
  if (style > 1 && dice() % 2 == 0) std::shuffle(order.begin(), order.end(), dice);
  for (const SimFile::Change* change : order) {
    const auto luck = style > 1 ? dice() % 3 : style;
    if (luck == 0) continue;
    if (luck == 1 || change->truncates) {
      make(*change, left.durable);
    } else {
      write_torn(*change, left.durable, dice);
    }
  }
  left.now = left.durable;
  left.has_durable_name = true;
  return left;
}

void SimDiskState::cut_power() {
  const auto style = static_cast<unsigned>(dice() % 4);
  const auto keeps = [&] { return style > 1 ? dice() % 2 == 0 : style == 1; };
  std::map<std::string, std::shared_ptr<SimFile>> left;
  for (const auto& [name, file] : removed) {
    if (!keeps()) left[name] = std::make_shared<SimFile>(survivor(*file, style));
  }
  for (const auto& [name, file] : files) {
    if (!file->has_durable_name && !keeps()) continue;
    left[name] = std::make_shared<SimFile>(survivor(*file, style));
  }
  files = std::move(left);
  removed.clear();
}

SimDisk::SimDisk(std::uint64_t seed) : state_(std::make_unique<SimDiskState>(seed)) {
  register_vfs(*state_);
}

SimDisk::~SimDisk() { unregister_vfs(*state_); }

void SimDisk::put(const std::string& name, Contents contents) {
  auto file = std::make_shared<SimFile>();
  file->now = contents;
  file->durable = std::move(contents);
  file->has_durable_name = true;
  state_->removed.erase(name);
  state_->files[name] = std::move(file);
}

std::optional<SimDisk::Contents> SimDisk::contents(const std::string& name) const {
  const auto found = state_->files.find(name);
  if (found == state_->files.end()) return std::nullopt;
  return found->second->now;
}

void SimDisk::remove(const std::string& name) {
  state_->files.erase(name);
  state_->removed.erase(name);
}

void SimDisk::settle() {
  for (auto& [name, file] : state_->files) {
    file->sync();
    file->has_durable_name = true;
  }
  state_->removed.clear();
}

std::uint64_t SimDisk::operations() const { return state_->operations; }

void SimDisk::fail_after(std::uint64_t count, Failure failure, bool lasting) {
  state_->armed = true;
  state_->fail_at = state_->operations + count;
  state_->failure = failure;
  state_->lasting = lasting;
}

void SimDisk::repair() { state_->armed = false; }

std::uint64_t SimDisk::failures() const { return state_->failures; }

void SimDisk::stop_after(std::uint64_t count, std::function<void()> stopped) {
  state_->stop_at = state_->operations + count;
  state_->on_stop = std::move(stopped);
}

void SimDisk::stop() {
  state_->on_stop = nullptr;
  state_->stop();
}

bool SimDisk::is_stopped() const { return state_->stopped; }

void SimDisk::restart(Crash crash) {
  SimDiskState& s = *state_;
  ++s.generation;
  s.stopped = false;
  s.stop_at.reset();
  s.on_stop = nullptr;
  if (crash == Crash::kPowerCut) {
    s.cut_power();
    return;
  }
  for (auto& [name, file] : s.files) {
    // The old one stays with who held it: locks, shared memory and all.
    auto found = std::make_shared<SimFile>();
    found->now = std::move(file->now);
    found->durable = std::move(file->durable);
    found->unsynced = std::move(file->unsynced);
    found->has_durable_name = file->has_durable_name;
    file = std::move(found);
  }
}

void SimDisk::ignore_syncs(bool ignored) { state_->ignores_syncs = ignored; }

void SimDisk::set_clock(std::function<WallTime()> clock) { state_->clock = std::move(clock); }

}  // namespace hub::test
