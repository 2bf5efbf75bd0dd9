// What the hub asks of the writer about sessions and the devices they are of. Several statements
// each, so each has a savepoint.
#include <algorithm>

#include "protocol/fault.hpp"
#include "store/refusals.hpp"
#include "store/writer_statements.hpp"

namespace hub::store {

Writer::ReplyBody Writer::perform(const OpenSession& request) {
  const AccountId account = request.session.account;
  const bool is_sealed = request.session.framing == Framing::kSealed;
  if (request.device.has_value() != is_sealed) return bad_session();
  if (auto refused = refuse_unless_active(account)) return *refused;
  if (is_sealed && !is_verified(account, *request.device)) return wrong_password();
  return atomically([&]() -> ReplyBody {
    SessionOpened opened{request.session, {}, {}};
    opened.session.device = 0;
    if (is_sealed) {
      opened.device = admit_device(account, *request.device);
      if (!opened.device) return no_device();
      opened.session.device = opened.device->number;
    }
    if (Use name(sql_->account_name, account); name.step()) opened.session.name = name.text(0);
    for (Use row(sql_->followees, account); row.step();) {
      opened.followees.push_back({row.number(0), static_cast<MessageId>(row.number(1))});
    }
    store_session(opened.session);
    return opened;
  });
}

void Writer::store_session(const StoredSession& s) {
  Use(sql_->open_session, s.account, static_cast<std::uint32_t>(s.framing), s.device, s.token,
      s.remote.ip.bytes, std::uint32_t{s.remote.port}, s.remote.scope, s.local.ip.bytes,
      std::uint32_t{s.local.port}, s.local.scope, s.magic, s.online_since)
      .run();
}

Writer::ReplyBody Writer::perform(const CloseSession& request) {
  return atomically([&]() -> ReplyBody {
    DeviceNumber device = 0;
    const auto framing = static_cast<std::uint32_t>(request.framing);
    {
      Use row(sql_->find_session, request.account, framing, request.token);
      if (!row.step()) return Done{};
      device = row.number(0);
    }
    Use(sql_->close_session, request.account, framing, device).run();
    if (device == 0) return Done{};
    see_device(device, request.mark);
    if (request.logged_out && !fault("resume_key_kept_after_logout")) {
      Use(sql_->erase_resume_key, device).run();
    }
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const SaveProgress& request) {
  return atomically([&]() -> ReplyBody {
    DeviceNumber device = 0;
    {
      Use row(sql_->find_session, request.account, static_cast<std::uint32_t>(Framing::kSealed),
              request.token);
      if (!row.step()) return Done{};
      device = row.number(0);
    }
    const Endpoint& remote = request.remote;
    const Endpoint& local = request.local;
    Use(sql_->move_session, remote.ip.bytes, std::uint32_t{remote.port}, remote.scope,
        local.ip.bytes, std::uint32_t{local.port}, local.scope, request.account, device)
        .run();
    see_device(device, request.mark);
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::ForgetDevice& request) {
  const auto target = find(request.name);
  if (!target) return no_account(request.name);
  return atomically([&]() -> ReplyBody {
    const auto device = find_device(target->id, request.device);
    if (!device) return no_device();
    if (!fault("forgotten_device_resumes")) Use(sql_->erase_resume_key, device->number).run();
    Use(sql_->close_session, target->id, static_cast<std::uint32_t>(Framing::kSealed),
        device->number)
        .run();
    // Said even where no session was stored: a resume may be on its way that was checked before.
    events_.emplace_back(DeviceEnded{target->id, device->number, false});
    log("forget-device", target->name + ' ' + to_string(request.device));
    return Done{};
  });
}

std::optional<Device> Writer::find_device(AccountId account, const DeviceId& id) {
  std::optional<Device> device;
  Use row(sql_->find_device, account, id);
  if (!row.step()) return device;
  device = read_device(row);
  if (const auto* entry = ledger_.find(device->number); entry != nullptr) {
    device->done = entry->results.done;
  }
  return device;
}

/// A password may have been replaced since its proof was checked.
bool Writer::is_verified(AccountId account, const DeviceLogin& login) {
  if (!login.verified_by || login.proof != DeviceLogin::Proof::kPassword) return true;
  Use row(sql_->stored_key, account);
  return (row.step() && row.bytes<std::tuple_size_v<Key>>(0) == *login.verified_by) ||
         fault("old_password_leaves_key");
}

/// The device that logs in, as it is now; nothing where its resume key is not this one.
std::optional<Device> Writer::admit_device(AccountId account, const DeviceLogin& login) {
  auto device = find_device(account, login.id);
  if (login.proof == DeviceLogin::Proof::kResumeKey) {
    const bool is_known = device && device->resume_key == login.resume_key;
    if (!is_known && !(device && fault("resume_key_not_compared"))) return std::nullopt;
  }
  if (!device) {
    Use(sql_->insert_device, account, login.id, login.resume_key, now_, now_, newest_id()).run();
    device = Device{
        db_.getLastInsertRowid(), account, login.id, login.resume_key, now_, now_, newest_id(), 0};
    evict_devices(account, device->number);
    return device;
  }
  if (login.proof == DeviceLogin::Proof::kPassword) {
    Use(sql_->set_resume_key, login.resume_key, device->number).run();
    device->resume_key = login.resume_key;
  }
  see_device(device->number, 0);
  device->last_seen = now_;
  return device;
}

void Writer::evict_devices(AccountId account, DeviceNumber newcomer) {
  if (fault("device_not_evicted")) return;
  std::vector<DeviceNumber> surplus;
  const std::uint32_t others = std::max(options_.max_devices, 1u) - 1;
  for (Use row(sql_->surplus_devices, account, newcomer, others); row.step();) {
    surplus.push_back(row.number(0));
  }
  for (const DeviceNumber device : surplus) {
    Use(sql_->close_session, account, static_cast<std::uint32_t>(Framing::kSealed), device).run();
    remove_device(device);
    events_.emplace_back(DeviceEnded{account, device, true});
  }
}

void Writer::erase_resume_keys(AccountId account) {
  if (fault("new_password_keeps_devices")) return;
  Use(sql_->erase_resume_keys, account).run();
}

void Writer::remove_device(DeviceNumber device) {
  Use(sql_->remove_device, device).run();
  staged_devices_.emplace_back(device, RequestLedger::Entry{});
}

void Writer::remove_devices(AccountId account) {
  std::vector<DeviceNumber> all;
  for (Use row(sql_->devices_of, account); row.step();) all.push_back(row.number(0));
  for (const DeviceNumber device : all) remove_device(device);
}

void Writer::see_device(DeviceNumber device, MessageId mark) {
  // A mark above the newest post would hide posts that are yet to come.
  const MessageId most = fault("mark_of_posts_to_come") ? mark : newest_id();
  Use(sql_->see_device, now_, std::min(mark, most), device).run();
}

}  // namespace hub::store
