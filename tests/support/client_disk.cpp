#include "tests/support/client_disk.hpp"

#include <algorithm>
#include <variant>

#include "protocol/fault.hpp"

namespace hub::test {

bool ClientDisk::keep(const client::KeepOutput& what) {
  if (is_full) return false;
  if (const auto* device = std::get_if<client::KeepDevice>(&what)) {
    files.device = device->text;
    synced_mark = files.mark;
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
  }
  return true;
}

void ClientDisk::cut_power() {
  if (files.outbox) files.outbox->resize(synced_outbox);
  files.mark = synced_mark;
}

}  // namespace hub::test
