// The commands about posts and follows.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/listing.hpp"
#include "admin/writer.hpp"

namespace hub::admin {

namespace {

constexpr std::uint32_t kPage = 500;

Outcome<std::optional<AccountId>> maybe_account(store::AdminReader& reader,
                                                const std::string& text) {
  if (text.empty()) return std::optional<AccountId>();
  const auto name = parse_name(text);
  if (!name) return tl::unexpected(name.error());
  const auto account = find_account(reader.reader(), *name);
  if (!account) return tl::unexpected(account.error());
  return std::optional(account->id);
}

}  // namespace

Result list_posts(const Context& context, const Options& options) {
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto author = maybe_account(**reader, options.author);
  if (!author) return tl::unexpected(author.error());
  Listing listing(context.console.out(), options.json, {"id", "committed", "author", "text"});
  std::uint64_t left =
      options.limit != 0 ? options.limit : std::numeric_limits<std::uint64_t>::max();
  for (MessageId before = options.before; left > 0;) {
    const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kPage));
    const auto page = checked((*reader)->posts(*author, before, wanted));
    if (!page) return tl::unexpected(page.error());
    for (const store::Post& post : *page) {
      listing.add({post.id, post.at, post.author_name, post.text});
    }
    if (page->size() < wanted) break;
    left -= wanted;
    before = page->back().id;
    if (before <= 1) break;  // 0 would mean the newest again
  }
  listing.finish();
  return {};
}

Result delete_post(const Context& context, const Options& options) {
  if (auto there = require_database(context); !there) return there;
  const auto writer = open_writer(context);
  if (!writer) return tl::unexpected(writer.error());
  auto done = perform_done(**writer, control::DeletePost{options.post});
  if (done) context.console.out() << fmt::format("deleted post {}\n", options.post);
  return done;
}

Result list_follows(const Context& context, const Options& options) {
  if (options.followers && options.name.empty()) {
    return fail(ExitCode::kBadUsage, "--followers needs a NAME: whose followers?");
  }
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = maybe_account(**reader, options.name);
  if (!account) return tl::unexpected(account.error());
  store::AdminReader::FollowQuery query;
  (options.followers ? query.followee : query.follower) = *account;
  query.limit = kPage;
  Listing listing(context.console.out(), options.json, {"follower", "followee", "since_post"});
  while (true) {
    const auto page = checked((*reader)->follows(query));
    if (!page) return tl::unexpected(page.error());
    for (const auto& follow : *page) {
      listing.add({follow.row.follower, follow.row.followee, follow.row.since});
    }
    if (page->size() < kPage) break;
    query.after_follower = page->back().follower_id;
    query.after_followee = page->back().followee_id;
  }
  listing.finish();
  return {};
}

}  // namespace hub::admin
