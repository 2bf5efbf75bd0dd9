#include "admin/command.hpp"

#include <array>

namespace hub::admin {

std::span<const CommandSpec> commands() {
  static constexpr auto kTable = std::to_array<CommandSpec>({
      {"init", "Database", "Make the data directory, an empty database and the server's key", kKdf,
       init},
      {"migrate", "Database", "Bring the database of an older release up to this one", kDryRun,
       migrate},
      {"check", "Database", "Look for damage; exits 1 where there is any", kJson, check},
      {"backup", "Database", "Copy the database, not the key, to FILE, also while the server runs",
       kFile, backup},
      {"add-user", "Users", "Make an account", kName | kPassword, add_user},
      {"import-users", "Users", "Make an account for each line id&password of FILE",
       kFile | kDryRun, import_users},
      {"set-password", "Users", "Replace a password; ends the account's sessions",
       kName | kPassword, set_password},
      {"disable-user", "Users", "Let nobody log in as NAME; ends the account's sessions", kName,
       disable_user},
      {"enable-user", "Users", "Let NAME log in again", kName, enable_user},
      {"delete-user", "Users", "Remove an account, its posts and follows, and retire its name",
       kName | kDryRun | kYes, delete_user},
      {"invite", "Users", "Print a link (and a QR code) with which NAME finds this hub and its key",
       kName | kLink, invite},
      {"list-users", "Users", "List the accounts", kJson, list_users},
      {"show-user", "Users", "Show one account", kName | kJson, show_user},
      {"list-devices", "Users", "List where people have logged in; of NAME alone, if given",
       kMaybeName | kJson, list_devices},
      {"forget-device", "Users",
       "Let NAME's DEVICE come back only with the password; ends its session", kName | kDevice,
       forget_device},
      {"list-sessions", "Server", "List who is online", kJson, list_sessions},
      {"end-session", "Server", "End the sessions of an account", kName, end_session},
      {"stats", "Server", "Show counts, and the counters of a running server", kJson, stats},
      {"show-key", "Server", "Print the server's public key and its fingerprint", kJson, show_key},
      {"rotate-key", "Server", "Make the server's next key; later, --finish: take it alone",
       kFinish | kYes, rotate_key},
      {"list-posts", "Posts and follows", "List posts, newest first", kPaging | kJson, list_posts},
      {"delete-post", "Posts and follows", "Delete one post", kPost, delete_post},
      {"list-follows", "Posts and follows", "List who follows whom; of NAME, whom NAME follows",
       kMaybeName | kFollowers | kJson, list_follows},
  });
  return kTable;
}

}  // namespace hub::admin
