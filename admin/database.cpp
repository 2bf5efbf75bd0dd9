// The commands about the database as a whole.
#include <fmt/format.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/format.hpp"
#include "admin/listing.hpp"
#include "admin/writer.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "store/hub_keys.hpp"
#include "store/sqlite_store.hpp"

namespace hub::admin {

namespace {

// What clients with the sealed framing will accept; less is for tests.
constexpr std::uint64_t kAdvisedKdfMemory = 19ull * 1024 * 1024;

/// Keys and database, or none of what was not there before.
store::FoundHubKeys make_hub(const Context& context, const KdfParams& kdf) {
  const auto undo = [&](const std::filesystem::path& file, bool was_there) {
    std::error_code ignored;
    if (!was_there) std::filesystem::remove(file, ignored);
  };
  const bool had_key = std::filesystem::exists(context.data.hub_key());
  const bool had_reset_key = std::filesystem::exists(context.data.reset_key());
  try {
    store::FoundHubKeys keys = store::find_or_create_hub_keys(context.data, context.random);
    store::next_reset_key(context.data, context.random);
    store::create_database(context.data.database(), kdf, context.random);
    return keys;
  } catch (...) {
    undo(context.data.hub_key(), had_key);
    undo(context.data.reset_key(), had_reset_key);
    throw;
  }
}

std::string path_of(const std::filesystem::path& path) { return printable(path.string()); }

}  // namespace

Result init(const Context& context, const Options& options) {
  if (!options.kdf.is_valid()) {
    return fail(ExitCode::kBadUsage,
                fmt::format("--kdf-memory must be {} to {}, --kdf-passes {} to {}",
                            format_size(kMinKdfMemory), format_size(kMaxKdfMemory), kMinKdfPasses,
                            kMaxKdfPasses));
  }
  context.data.create();
  const auto lock = take_lock(context);
  if (!lock) return tl::unexpected(lock.error());
  if (std::filesystem::exists(context.data.database())) {
    return fail(ExitCode::kExists,
                fmt::format("there is a hub in {} already", path_of(context.data.path())));
  }
  const store::FoundHubKeys keys = make_hub(context, options.kdf);
  if (options.kdf.memory_bytes < kAdvisedKdfMemory) {
    context.console.err() << fmt::format(
        "note: passwords stretched with less than {} are easier to "
        "guess; this is for tests\n",
        format_size(kAdvisedKdfMemory));
  }
  const std::string path = path_of(context.data.path());
  context.console.out() << fmt::format(
      "made a hub in {}; {} key is {}\nnext: hubadmin --data {} add-user NAME\n", path,
      keys.are_new ? "its" : "the hub.key that was there is kept: its",
      fingerprint_of(keys.keys.current.public_key), path);
  return {};
}

Result migrate(const Context& context, const Options& options) {
  if (auto there = require_database(context); !there) return there;
  std::ostream& out = context.console.out();
  if (options.dry_run) {
    try {
      const store::AdminReader opened(context.data.database());
      out << "the database is up to date\n";
    } catch (const store::OpenError& error) {
      if (error.why() != store::OpenError::Why::kOlderSchema) throw;
      out << fmt::format("would bring the database to version {}, after copying it beside itself\n",
                         store::embedded_migrations().back().version);
    }
    return {};
  }
  const auto lock = take_lock(context);
  if (!lock) return tl::unexpected(lock.error());
  const store::MigrationReport report = store::migrate(context.data.database());
  if (report.from == report.to) {
    out << "the database is up to date\n";
  } else {
    out << fmt::format("brought the database from version {} to {}; as it was before: {}\n",
                       report.from, report.to, path_of(report.backup));
  }
  return {};
}

Result check(const Context& context, const Options& options) {
  if (auto there = require_database(context); !there) return there;
  const std::vector<std::string> problems = store::check(context.data.database());
  if (problems.empty() && !options.json) context.console.out() << "the database is sound\n";
  if (problems.empty()) return {};
  Listing listing(context.console.out(), options.json, {"problem"});
  for (const std::string& problem : problems) listing.add({problem});
  listing.finish();
  return fail(ExitCode::kFailed,
              fmt::format("{} found; keep a copy of the directory and go back to a backup",
                          plural(problems.size(), "problem")));
}

Result backup(const Context& context, const Options& options) {
  if (auto there = require_database(context); !there) return there;
  const std::filesystem::path destination = options.file;
  if (std::filesystem::exists(std::filesystem::symlink_status(destination))) {
    return fail(ExitCode::kExists,
                fmt::format("{} exists already; a backup replaces nothing", path_of(destination)));
  }
  const store::BackupReport report = store::backup(context.data.database(), destination);
  context.console.out() << fmt::format("copied {} up to post {} to {}\n",
                                       plural(report.bytes, "byte"), report.last_post,
                                       path_of(destination));
  return {};
}

}  // namespace hub::admin
