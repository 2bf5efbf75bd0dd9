// The control socket's language: what hubadmin asks a running hubd.
//
// A Unix stream socket in the data directory. One JSON object a line each way, at most
// kMaxControlLineBytes, exactly one reply line a request line, in order:
//
//   request  := {"command":"add-user" | "set-password", "name":text, "verifier":verifier}
//             | {"command":"disable-user" | "enable-user" | "delete-user" | "end-session",
//                "name":text}
//             | {"command":"delete-post", "id":n} | {"command":"list-sessions", "after":n}
//             | {"command":"forget-device", "name":text, "device":hex}
//             | {"command":"stats"} | {"command":"reload-keys"}
//   verifier := {"salt":hex, "memory_bytes":n, "passes":n, "stored_key":hex, "server_key":hex}
//   reply    := {"ok":true}                               done
//             | {"ok":true, "remaining":n}                progress of delete-user
//             | {"ok":true, "sessions":[session…], "next":n}   next only where there is more
//             | {"ok":true, "figures":[[name, integer]…]}
//             | {"ok":false, "error":"not_found", "message":text}
//   session  := {"account":text, "state":text, "framing":text, "address":text,
//                "online_since_us":integer, "last_active_us":integer, "unacknowledged":n}
//
// Times are microseconds since 1970, UTC; last_active_us is absent where it is not known. A field
// that is not listed here is refused, so that nothing asked for is silently left undone.
// Passwords never travel here: hubadmin stretches them and sends the verifier. Binary fields are
// lower-case hex. Listings come in pages: a reply's "next" is the "after" to ask for next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/device.hpp"
#include "protocol/password.hpp"
#include "protocol/types.hpp"

namespace hub::control {

struct AddUser {
  std::string name;
  Verifier verifier;
};
struct SetPassword {
  std::string name;
  Verifier verifier;
};
struct DisableUser {
  std::string name;
};
struct EnableUser {
  std::string name;
};
/// Deletes a bounded part of the account at a time (Progress says what is left), the account itself
/// last: ask again until Done. The account is disabled from the first step on.
struct DeleteUser {
  std::string name;
};
struct DeletePost {
  MessageId id = 0;
};
/// Ends every live session of the account.
struct EndSession {
  std::string name;
};
/// Its next login has to prove the password; its session ends.
struct ForgetDevice {
  std::string name;
  DeviceId device{};
};
struct ListSessions {
  std::uint64_t after = 0;  // a cursor: 0, or the "next" of the page before
};
struct Stats {};
/// hub.key has changed: read it again. Done once the keys in it are the ones in use.
struct ReloadKeys {};

using Command = std::variant<AddUser, SetPassword, DisableUser, EnableUser, DeleteUser, DeletePost,
                             EndSession, ForgetDevice, ListSessions, Stats, ReloadKeys>;
std::string_view word_of(const Command& command);  // "add-user", as on the wire

/// Why something was refused. Each has one word on the wire, the same everywhere it is printed.
enum class Refusal {
  kNotFound,     // no such account, device, post, follow or session
  kExists,       // the client ID is taken
  kRetired,      // the client ID belonged to a deleted account and is not given out again
  kInvalid,      // not a client ID, a verifier out of bounds, a line that is no command
  kDisabled,     // the account is disabled
  kLimit,        // a cap of the hub is reached
  kBusy,         // a queue is full: try again
  kDiskFull,     // nothing was written; reads go on
  kStoreFailed,  // the disk or the database failed; writes have stopped until a restart
};
std::string_view word_of(Refusal refusal);  // "not_found", "exists", ...
std::optional<Refusal> refusal_of(std::string_view word);

struct Done {};
struct Progress {
  std::uint64_t remaining = 0;  // posts still to be deleted, at least
};
struct Refused {
  Refusal why = Refusal::kInvalid;
  std::string message;  // a sentence: what is wrong and what to do
};
struct SessionRow {
  std::string account;
  std::string state;    // "online", "message_forward"; "stored" where the server is down
  std::string framing;  // "classic", "sealed"
  std::string address;
  WallTime online_since{};
  std::optional<WallTime> last_active;  // unknown where the server is down
  std::uint64_t unacknowledged = 0;     // forwards
};
struct SessionPage {
  std::vector<SessionRow> rows;
  std::optional<std::uint64_t> next;
};
/// Named numbers, in the order they are to be shown.
struct Figures {
  std::vector<std::pair<std::string, std::int64_t>> numbers;
};

using Reply = std::variant<Done, Progress, Refused, SessionPage, Figures>;

/// One line without its line end.
std::string encode(const Command& command);
std::string encode(const Reply& reply);

/// The error says what is wrong with the line; bytes of strangers never throw.
tl::expected<Command, std::string> decode_command(std::string_view line);
tl::expected<Reply, std::string> decode_reply(std::string_view line);

}  // namespace hub::control
