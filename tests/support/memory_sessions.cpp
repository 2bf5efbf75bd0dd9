// MemoryStore's sessions and the devices they are of.
#include <algorithm>

#include "store/refusals.hpp"
#include "tests/support/memory_store.hpp"

namespace hub::test {

using control::Done;
using store::Account;
using store::SessionOpened;
using store::StoredSession;

MemoryStore::ReplyBody MemoryStore::perform(const store::OpenSession& request) {
  StoredSession session = request.session;
  const bool is_sealed = session.framing == Framing::kSealed;
  if (request.device.has_value() != is_sealed) return store::bad_session();
  if (auto refused = refuse_unless_active(session.account)) return *refused;
  if (is_sealed && request.device->proof == store::DeviceLogin::Proof::kPassword &&
      request.device->verified_by.value_or(get(session.account)->verifier.stored_key) !=
          get(session.account)->verifier.stored_key) {
    return store::wrong_password();
  }
  session.name = get(session.account)->name;
  session.device = 0;
  std::optional<store::Device> device;
  if (is_sealed) {
    const StoredDevice* admitted = admit_device(session.account, *request.device);
    if (admitted == nullptr) return store::no_device();
    device = admitted->record;
    session.device = device->number;
  }
  std::erase_if(sessions_, [&](const auto& entry) {
    return entry.second.account == session.account && entry.second.framing == session.framing &&
           entry.second.device == session.device;
  });
  sessions_[place_of(session.account, session.framing, session.token)] = session;
  return SessionOpened{session, followees_of(session.account), device};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::CloseSession& request) {
  const auto found = sessions_.find(place_of(request.account, request.framing, request.token));
  if (found == sessions_.end()) return Done{};
  const auto device = devices_.find(found->second.device);
  sessions_.erase(found);
  if (device == devices_.end()) return Done{};
  see_device(device->first, request.mark);
  if (request.logged_out) device->second.record.resume_key.reset();
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::SaveProgress& request) {
  const auto found = sessions_.find(place_of(request.account, Framing::kSealed, request.token));
  if (found == sessions_.end()) return Done{};
  found->second.remote = request.remote;
  found->second.local = request.local;
  see_device(found->second.device, request.mark);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::ForgetDevice& request) {
  const Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  StoredDevice* device = find_device(account->id, request.device);
  if (device == nullptr) return store::no_device();
  const store::DeviceNumber number = device->record.number;
  device->record.resume_key.reset();
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.device == number; });
  events_.push_back(store::DeviceEnded{account->id, number, false});
  return Done{};
}

MemoryStore::StoredDevice* MemoryStore::find_device(AccountId account, const DeviceId& id) {
  for (auto& entry : devices_) {
    const store::Device& device = entry.second.record;
    if (device.account == account && device.id == id) return &entry.second;
  }
  return nullptr;
}

MemoryStore::StoredDevice* MemoryStore::admit_device(AccountId account,
                                                     const store::DeviceLogin& login) {
  StoredDevice* known = find_device(account, login.id);
  if (login.proof == store::DeviceLogin::Proof::kResumeKey) {
    if (known == nullptr || known->record.resume_key != login.resume_key) return nullptr;
  }
  if (known == nullptr) {
    while (true) {
      auto others = devices_of(account);  // the least recently seen first
      std::stable_partition(others.begin(), others.end(), [&](const store::Device& device) {
        return std::none_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
          return entry.second.device == device.number;
        });
      });
      if (others.empty() || others.size() < options_.max_devices) break;
      remove_device(others.front().number);
      events_.push_back(store::DeviceEnded{account, others.front().number, true});
    }
    known = &devices_[next_device_];
    known->record = {next_device_++, account, login.id,       login.resume_key,
                     now_,           now_,    next_post_ - 1, 0};
  }
  known->record.resume_key = login.resume_key;
  see_device(known->record.number, 0);
  return known;
}

void MemoryStore::erase_resume_keys(AccountId account) {
  for (auto& entry : devices_) {
    if (entry.second.record.account == account) entry.second.record.resume_key.reset();
  }
}

void MemoryStore::remove_device(store::DeviceNumber number) {
  devices_.erase(number);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.device == number; });
}

void MemoryStore::remove_devices(AccountId account) {
  for (const store::Device& device : devices_of(account)) remove_device(device.number);
}

std::vector<store::Device> MemoryStore::devices_of(AccountId account) const {
  std::vector<store::Device> out;
  for (const auto& entry : devices_) {
    if (entry.second.record.account == account) out.push_back(entry.second.record);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.last_seen < b.last_seen; });
  return out;
}

void MemoryStore::see_device(store::DeviceNumber number, MessageId mark) {
  store::Device& device = devices_.at(number).record;
  device.last_seen = now_;
  device.mark = std::max(device.mark, std::min(mark, next_post_ - 1));
}

}  // namespace hub::test
