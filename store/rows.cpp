#include "store/rows.hpp"

#include "protocol/fault.hpp"

namespace hub::store {

namespace {

KdfParams read_kdf(const Use& row, int first) {
  return {static_cast<std::uint64_t>(row.number(first)),
          static_cast<std::uint32_t>(row.number(first + 1))};
}

Endpoint read_endpoint(const Use& row, int first) {
  return {IpAddress{row.bytes<16>(first)}, static_cast<std::uint16_t>(row.number(first + 1)),
          static_cast<std::uint32_t>(row.number(first + 2))};
}

}  // namespace

std::string key_of(const ClientId& id) {
  return fault("case_sensitive_ids") ? id.text() : id.key();
}

Account read_account(const Use& row) {
  Account account;
  account.id = row.number(0);
  account.name = row.text(1);
  account.verifier.salt = row.bytes<std::tuple_size_v<Salt>>(2);
  account.verifier.kdf = read_kdf(row, 3);
  account.verifier.stored_key = row.bytes<std::tuple_size_v<Key>>(5);
  account.verifier.server_key = row.bytes<std::tuple_size_v<Key>>(6);
  account.disabled = row.number(7) != 0;
  account.created = row.time(8);
  return account;
}

StoredSession read_session(const Use& row) {
  StoredSession session;
  session.account = row.number(0);
  session.name = row.text(1);
  session.framing = static_cast<Framing>(row.number(2));
  session.token = static_cast<std::uint64_t>(row.number(3));
  session.remote = read_endpoint(row, 4);
  session.local = read_endpoint(row, 7);
  session.magic = row.bytes<2>(10);
  session.online_since = row.time(11);
  session.device = row.number(12);
  return session;
}

Device read_device(const Use& row) {
  Device device;
  device.number = row.number(0);
  device.account = row.number(1);
  device.id = row.bytes<std::tuple_size_v<DeviceId>>(2);
  if (!row.is_null(3)) device.resume_key = row.bytes<std::tuple_size_v<Key>>(3);
  device.created = row.time(4);
  device.last_seen = row.time(5);
  device.mark = static_cast<MessageId>(row.number(6));
  device.done = static_cast<std::uint64_t>(row.number(7));
  return device;
}

HubInfo read_info(const Use& row) {
  HubInfo info;
  info.history_id = static_cast<std::uint64_t>(row.number(0));
  info.secret = row.bytes<std::tuple_size_v<Key>>(1);
  info.kdf = read_kdf(row, 2);
  return info;
}

}  // namespace hub::store
