// The table of hubadmin's commands: its help, its command line and its dispatch all come from here.
#pragma once

#include <span>
#include <string_view>

#include "admin/context.hpp"
#include "admin/outcome.hpp"

namespace hub::admin {

/// What a command takes, as bits.
enum Takes : unsigned {
  kNothing = 0,
  kName = 1u << 0,        // NAME
  kMaybeName = 1u << 1,   // [NAME]
  kFile = 1u << 2,        // FILE
  kPost = 1u << 3,        // ID
  kPassword = 1u << 4,    // --password-file
  kJson = 1u << 5,        // --json
  kDryRun = 1u << 6,      // --dry-run
  kYes = 1u << 7,         // --yes
  kPaging = 1u << 8,      // --author --limit --before
  kKdf = 1u << 9,         // --kdf-memory --kdf-passes
  kFollowers = 1u << 10,  // --followers
  kLink = 1u << 11,       // --host --qr
  kFinish = 1u << 12,     // --finish
  kDevice = 1u << 13      // DEVICE
};

struct CommandSpec {
  std::string_view name;
  std::string_view group;  // a heading of the help
  std::string_view help;
  unsigned takes = kNothing;
  Result (*run)(const Context& context, const Options& options);
};

std::span<const CommandSpec> commands();

// A file a group: users.cpp, import.cpp, devices.cpp, sessions.cpp, posts.cpp, database.cpp,
// keys.cpp.
Result add_user(const Context& context, const Options& options);
Result set_password(const Context& context, const Options& options);
Result disable_user(const Context& context, const Options& options);
Result enable_user(const Context& context, const Options& options);
Result delete_user(const Context& context, const Options& options);
Result list_users(const Context& context, const Options& options);
Result show_user(const Context& context, const Options& options);
Result import_users(const Context& context, const Options& options);
Result list_devices(const Context& context, const Options& options);
Result forget_device(const Context& context, const Options& options);
Result list_sessions(const Context& context, const Options& options);
Result end_session(const Context& context, const Options& options);
Result stats(const Context& context, const Options& options);
Result list_posts(const Context& context, const Options& options);
Result delete_post(const Context& context, const Options& options);
Result list_follows(const Context& context, const Options& options);
Result init(const Context& context, const Options& options);
Result migrate(const Context& context, const Options& options);
Result check(const Context& context, const Options& options);
Result backup(const Context& context, const Options& options);
Result show_key(const Context& context, const Options& options);
Result rotate_key(const Context& context, const Options& options);
Result invite(const Context& context, const Options& options);

}  // namespace hub::admin
