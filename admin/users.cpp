// The commands about one account at a time, and the list of them.
#include <fmt/format.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/format.hpp"
#include "admin/listing.hpp"
#include "admin/passwords.hpp"
#include "admin/writer.hpp"
#include "protocol/fault.hpp"

namespace hub::admin {

namespace {

constexpr std::uint32_t kPage = 500;

std::string state_of(const store::Account& account) {
  return account.disabled ? "disabled" : "active";
}

// The account that options.name means, read from the database.
Outcome<store::Account> named_account(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  return find_account((*reader)->reader(), *name);
}

Result perform_now(const Context& context, const control::Command& command) {
  const auto writer = open_writer(context);
  if (!writer) return tl::unexpected(writer.error());
  return perform_done(**writer, command);
}

// What an account has, for show-user and for delete-user --dry-run.
struct Belongings {
  std::uint64_t posts = 0;
  std::uint64_t follows = 0;
  std::uint64_t followers = 0;
};

Outcome<std::uint64_t> count_posts(store::AdminReader& reader, AccountId author) {
  std::uint64_t count = 0;
  for (MessageId before = 0;;) {
    const auto posts = checked(reader.posts(author, before, kPage));
    if (!posts) return tl::unexpected(posts.error());
    count += posts->size();
    if (posts->size() < kPage) return count;
    before = posts->back().id;
  }
}

Outcome<std::uint64_t> count_follows(store::AdminReader& reader,
                                     store::AdminReader::FollowQuery query) {
  std::uint64_t count = 0;
  query.limit = kPage;
  while (true) {
    const auto rows = checked(reader.follows(query));
    if (!rows) return tl::unexpected(rows.error());
    count += rows->size();
    if (rows->size() < kPage) return count;
    query.after_follower = rows->back().follower_id;
    query.after_followee = rows->back().followee_id;
  }
}

Outcome<Belongings> belongings_of(store::AdminReader& reader, AccountId account) {
  const auto posts = count_posts(reader, account);
  if (!posts) return tl::unexpected(posts.error());
  const auto follows = count_follows(reader, {.follower = account, .followee = std::nullopt});
  if (!follows) return tl::unexpected(follows.error());
  const auto followers = count_follows(reader, {.follower = std::nullopt, .followee = account});
  if (!followers) return tl::unexpected(followers.error());
  return Belongings{*posts, *follows, *followers};
}

}  // namespace

Result add_user(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto there = checked((*reader)->reader().account(name->text()));
  if (!there) return tl::unexpected(there.error());
  if (*there) {
    return fail(ExitCode::kExists, fmt::format("there is an account {} already", (*there)->name));
  }
  const auto info = checked((*reader)->reader().info());
  if (!info) return tl::unexpected(info.error());
  const auto password = read_password(context, options, name->text());
  if (!password) return tl::unexpected(password.error());
  const auto verifier = stretch_password(*password, info->kdf, context.random);
  if (!verifier) return tl::unexpected(verifier.error());
  auto done = perform_now(context, control::AddUser{name->text(), *verifier});
  if (done) context.console.out() << fmt::format("added {}\n", name->text());
  return done;
}

Result set_password(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = find_account((*reader)->reader(), *name);
  if (!account) return tl::unexpected(account.error());
  const auto info = checked((*reader)->reader().info());
  if (!info) return tl::unexpected(info.error());
  const auto password = read_password(context, options, account->name);
  if (!password) return tl::unexpected(password.error());
  const auto verifier = stretch_password(*password, info->kdf, context.random);
  if (!verifier) return tl::unexpected(verifier.error());
  auto done = perform_now(context, control::SetPassword{account->name, *verifier});
  if (done) {
    context.console.out() << fmt::format("{} has a new password; its sessions are over\n",
                                         account->name);
  }
  return done;
}

Result disable_user(const Context& context, const Options& options) {
  const auto account = named_account(context, options);
  if (!account) return tl::unexpected(account.error());
  auto done = perform_now(context, control::DisableUser{account->name});
  if (done) {
    context.console.out() << fmt::format("{} is disabled; its sessions are over\n", account->name);
  }
  return done;
}

Result enable_user(const Context& context, const Options& options) {
  const auto account = named_account(context, options);
  if (!account) return tl::unexpected(account.error());
  auto done = perform_now(context, control::EnableUser{account->name});
  if (done) context.console.out() << fmt::format("{} can log in\n", account->name);
  return done;
}

namespace {

Result delete_stepwise(const Context& context, const std::string& name) {
  const auto writer = open_writer(context);
  if (!writer) return tl::unexpected(writer.error());
  while (true) {
    const auto reply = (*writer)->perform(control::DeleteUser{name});
    if (!reply) return tl::unexpected(reply.error());
    if (const auto* refused = std::get_if<control::Refused>(&*reply)) {
      return tl::unexpected(failure_of(*refused));
    }
    const auto* progress = std::get_if<control::Progress>(&*reply);
    if (progress == nullptr) return {};
    context.console.progress(fmt::format("{} left", plural(progress->remaining, "post")));
  }
}

}  // namespace

Result delete_user(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = find_account((*reader)->reader(), *name);
  if (!account) return tl::unexpected(account.error());
  Console& console = context.console;
  if (options.dry_run && !fault("dry_run_does_it")) {
    const auto all = belongings_of(**reader, account->id);
    if (!all) return tl::unexpected(all.error());
    console.out() << fmt::format("would delete {}: {}, {}, {}\n", account->name,
                                 plural(all->posts, "post"), plural(all->follows, "follow"),
                                 plural(all->followers, "follower"));
    return {};
  }
  if (!options.yes && !console.is_interactive()) {
    return fail(ExitCode::kBadUsage,
                "deleting an account cannot be undone: add --yes where nobody can be asked");
  }
  if (!options.yes &&
      !console.confirm(fmt::format("Delete {}, its posts and its follows for good? The name is not "
                                   "given out again.",
                                   account->name))) {
    return fail(ExitCode::kFailed, "nothing was deleted");
  }
  auto done = delete_stepwise(context, account->name);
  console.end_progress();
  if (done) console.out() << fmt::format("deleted {}\n", account->name);
  return done;
}

Result list_users(const Context& context, const Options& options) {
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  Listing listing(context.console.out(), options.json, {"name", "state", "created"});
  for (std::string after;;) {
    const auto page = checked((*reader)->reader().accounts(after, kPage));
    if (!page) return tl::unexpected(page.error());
    for (const store::Account& account : *page) {
      listing.add({account.name, state_of(account), account.created});
    }
    if (page->size() < kPage) break;
    after = key_of(page->back());
  }
  listing.finish();
  return {};
}

Result show_user(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = find_account((*reader)->reader(), *name);
  if (!account) return tl::unexpected(account.error());
  const auto all = belongings_of(**reader, account->id);
  if (!all) return tl::unexpected(all.error());
  const auto newest = checked((*reader)->posts(account->id, 0, 1));
  if (!newest) return tl::unexpected(newest.error());
  const auto sessions = checked((*reader)->reader().sessions({account->id}, 1));
  if (!sessions) return tl::unexpected(sessions.error());
  const bool online = !sessions->empty() && sessions->front().account == account->id;

  Value last_post;
  if (!newest->empty()) last_post = newest->front().at;
  Value address;
  Value since;
  if (online) {
    address = to_string(sessions->front().remote);
    since = sessions->front().online_since;
  }
  write_record(context.console.out(), options.json,
               {{"name", account->name},
                {"state", state_of(*account)},
                {"created", account->created},
                {"posts", all->posts},
                {"last_post", last_post},
                {"follows", all->follows},
                {"followers", all->followers},
                {"session", address},
                {"online_since", since},
                {"kdf_memory", account->verifier.kdf.memory_bytes},
                {"kdf_passes", std::uint64_t{account->verifier.kdf.passes}}});
  return {};
}

}  // namespace hub::admin
