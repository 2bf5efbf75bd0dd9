#include "tests/support/client_disk.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::test {

namespace {
struct DiskFull {};
}  // namespace

bool ClientDisk::keep(const client::KeepOutput& what) {
  try {
    carry_out(what);
    return true;
  } catch (const DiskFull&) {
    return false;
  }
}

void ClientDisk::need_room() const {
  if (is_full) throw DiskFull{};
}

void ClientDisk::set_outbox_aside() {
  need_room();
  if (files.outbox) set_aside.push_back(*files.outbox);
}

void ClientDisk::replace_outbox(const std::string& text) {
  need_room();
  files.outbox = text;
  synced_outbox = text.size();
}

void ClientDisk::append_line(const client::AppendOutbox& what) {
  need_room();
  if (!files.outbox) files.outbox.emplace();
  *files.outbox += what.line;
  if (what.sync && !fault("outbox_not_synced")) synced_outbox = files.outbox->size();
}

void ClientDisk::replace_device(const std::string& text) {
  need_room();
  files.device = text;
}

void ClientDisk::write_mark(const client::KeepMark& mark) {
  need_room();
  const auto& record = mark.record;
  files.mark.resize(std::max(files.mark.size(), record.offset + record.bytes.size()));
  std::copy(record.bytes.begin(), record.bytes.end(),
            files.mark.begin() + static_cast<std::ptrdiff_t>(record.offset));
  if (mark.sync && !fault("mark_never_synced")) synced_mark = files.mark;
}

void ClientDisk::cut_power(Random& random) {
  const client::DeviceFiles written = files;
  cut_power();
  const auto style = random.u64() % 3;  // nothing, all, anything
  const auto luck = [&](std::uint64_t n) {
    return style == 0 ? 0 : style == 1 ? n : random.u64() % (n + 1);
  };
  if (files.outbox) {
    *files.outbox =
        written.outbox->substr(0, synced_outbox + luck(written.outbox->size() - synced_outbox));
  }
  if (luck(1) == 1) files.mark.resize(written.mark.size());
  for (std::size_t i = 0; i < files.mark.size(); ++i) {
    if (luck(1) == 1) files.mark[i] = written.mark[i];
  }
}

void ClientDisk::cut_power() {
  if (files.outbox) files.outbox->resize(synced_outbox);
  files.mark = synced_mark;
}

}  // namespace hub::test
