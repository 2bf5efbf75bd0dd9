// Rows to records: which columns a record is read from, in which order. Inside the store room only.
#pragma once

#include "protocol/client_id.hpp"
#include "store/records.hpp"
#include "store/statement.hpp"

namespace hub::store {

/// What accounts.key holds for this client ID.
std::string key_of(const ClientId& id);

inline constexpr const char* kAccountColumns =
    "a.id, a.name, a.salt, a.kdf_memory, a.kdf_passes, a.stored_key, a.server_key, a.disabled, "
    "a.created";
Account read_account(const Use& row);

/// From `sessions s JOIN accounts a`.
inline constexpr const char* kSessionColumns =
    "s.account, a.name, s.framing, s.token, s.remote_ip, s.remote_port, s.remote_scope, "
    "s.local_ip, s.local_port, s.local_scope, s.magic, s.online_since, s.device";
StoredSession read_session(const Use& row);

/// From `devices d`. Its `done` is what the row says.
inline constexpr const char* kDeviceColumns =
    "d.id, d.account, d.device, d.resume_key, d.created, d.last_seen, d.mark, d.done";
Device read_device(const Use& row);
/// Of a device d: whether it has a session.
inline constexpr const char* kIsOnline =
    "EXISTS (SELECT 1 FROM sessions s WHERE s.account = d.account AND s.framing = 1"
    " AND s.device = d.id)";

inline constexpr const char* kSettingsColumns = "history_id, secret, kdf_memory, kdf_passes";
HubInfo read_info(const Use& row);

}  // namespace hub::store
