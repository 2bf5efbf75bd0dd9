#include "tests/support/client_disk.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "protocol/fault.hpp"

namespace hub::test {

bool ClientDisk::keep(const client::KeepOutput& what) {
  if (const auto* device = std::get_if<client::KeepDevice>(&what)) {
    owed_device = device->text;
  } else if (const auto* line = std::get_if<client::AppendOutbox>(&what)) {
    return append(*line);
  } else if (const auto* outbox = std::get_if<client::ReplaceOutbox>(&what)) {
    owed_outbox = {outbox->text, outbox->keep_old || (owed_outbox && owed_outbox->keep_old)};
    owed_lines.clear();
  } else if (const auto* mark = std::get_if<client::KeepMark>(&what)) {
    if (is_full) return false;
    const auto& record = mark->record;
    files.mark.resize(std::max(files.mark.size(), record.offset + record.bytes.size()));
    std::copy(record.bytes.begin(), record.bytes.end(),
              files.mark.begin() + static_cast<std::ptrdiff_t>(record.offset));
    if (mark->sync && !fault("mark_never_synced")) synced_mark = files.mark;
  }
  return pay();
}

bool ClientDisk::pay() {
  if (is_full) return !owed_outbox && owed_lines.empty() && !owed_device;
  if (owed_outbox) {
    if (owed_outbox->keep_old && files.outbox) set_aside.push_back(*files.outbox);
    files.outbox = owed_outbox->text;
    synced_outbox = files.outbox->size();
    owed_outbox.reset();
  }
  if (!owed_lines.empty()) {
    if (!files.outbox) files.outbox.emplace();
    *files.outbox += std::exchange(owed_lines, {});
  }
  if (owed_device) files.device = std::exchange(owed_device, std::nullopt);
  return true;
}

bool ClientDisk::append(const client::AppendOutbox& what) {
  if (!pay() || is_full) {
    if (!what.sync && !fault("answers_not_owed")) {
      (owed_outbox ? owed_outbox->text : owed_lines) += what.line;
    }
    return false;
  }
  if (!files.outbox) files.outbox.emplace();
  *files.outbox += what.line;
  if (what.sync && !fault("outbox_not_synced")) synced_outbox = files.outbox->size();
  return true;
}

void ClientDisk::begin() {
  owed_outbox.reset();
  owed_lines.clear();
  owed_device.reset();
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
