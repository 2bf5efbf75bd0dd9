#include "client/core/device_keeper.hpp"

#include <variant>

#include "protocol/fault.hpp"

namespace hub::client {

void DeviceKeeper::carry_out(const KeepOutput& what) {
  if (const auto* device = std::get_if<KeepDevice>(&what)) {
    owed_device_ = device->text;
    pay();
  } else if (const auto* line = std::get_if<AppendOutbox>(&what)) {
    append(*line);
  } else if (const auto* outbox = std::get_if<ReplaceOutbox>(&what)) {
    const bool keep_old = outbox->keep_old || (owed_outbox_ && owed_outbox_->keep_old);
    owed_outbox_ = ReplaceOutbox{outbox->text, keep_old};
    owed_lines_.clear();  // they are in there
    pay();
  } else if (const auto* mark = std::get_if<KeepMark>(&what)) {
    write_mark(*mark);
    pay();
  }
}

void DeviceKeeper::forget_debts() {
  owed_outbox_.reset();
  owed_lines_.clear();
  owed_device_.reset();
}

/// In this order: a device whose outbox were another's would ask again what that one had asked.
void DeviceKeeper::pay() {
  if (owed_outbox_ && !(owed_device_ && fault("device_kept_before_outbox"))) {
    if (owed_outbox_->keep_old) set_outbox_aside();
    owed_outbox_->keep_old = false;
    replace_outbox(owed_outbox_->text);
    owed_outbox_.reset();
  }
  if (!owed_lines_.empty()) {
    append_line({owed_lines_, false});
    owed_lines_.clear();
  }
  if (owed_device_) {
    replace_device(*owed_device_);
    owed_device_.reset();
  }
}

/// A line that is to be synced is not kept where this fails, and is not put in later; another is.
void DeviceKeeper::append(const AppendOutbox& what) {
  try {
    pay();
    append_line(what);
  } catch (...) {
    if (!what.sync && !fault("answers_not_owed")) {
      (owed_outbox_ ? owed_outbox_->text : owed_lines_) += what.line;
    }
    throw;
  }
}

}  // namespace hub::client
