#include "tests/support/client_disk.hpp"

#include <algorithm>
#include <variant>

#include "protocol/fault.hpp"

namespace hub::test {

bool ClientDisk::keep(const client::KeepOutput& what) {
  if (is_full) return false;
  if (const auto* device = std::get_if<client::KeepDevice>(&what)) {
    files.device = device->text;
  } else if (const auto* line = std::get_if<client::AppendOutbox>(&what)) {
    if (!files.outbox) files.outbox.emplace();
    *files.outbox += line->line;
    if (line->sync && !fault("outbox_not_synced")) synced_outbox = files.outbox->size();
  } else if (const auto* outbox = std::get_if<client::ReplaceOutbox>(&what)) {
    if (outbox->keep_old && files.outbox) set_aside.push_back(*files.outbox);
    files.outbox = outbox->text;
    synced_outbox = outbox->text.size();
  } else if (const auto* mark = std::get_if<client::KeepMark>(&what)) {
    const auto& record = mark->record;
    files.mark.resize(std::max(files.mark.size(), record.offset + record.bytes.size()));
    std::copy(record.bytes.begin(), record.bytes.end(),
              files.mark.begin() + static_cast<std::ptrdiff_t>(record.offset));
    if (mark->sync && !fault("mark_never_synced")) synced_mark = files.mark;
  }
  return true;
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
