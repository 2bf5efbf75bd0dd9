// What retrieves of either framing begin with: the newest posts are in memory, and mostly they are
// all that is asked for. Then nobody waits for the reader thread. Only a whole page is taken from
// there; one that needs older posts is read from the store as a whole.
#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

std::vector<RetrievedPost> Hub::Impl::retrieved(const std::vector<store::Post>& posts) {
  std::vector<RetrievedPost> page;
  page.reserve(posts.size());
  for (const store::Post& post : posts) {
    page.push_back({post.id, format_post(post.author_name, post.text)});
  }
  return page;
}

std::optional<std::vector<RetrievedPost>> Hub::Impl::recent_page(AccountId account, std::uint32_t n,
                                                                 MessageId before) {
  const auto posts = recent.newest_of(follows.followees(account), n, before);
  if (!posts) return std::nullopt;
  ++counters.retrieve_pages_from_memory;
  std::vector<RetrievedPost> page;
  page.reserve(posts->size());
  for (const RecentPosts::Entry* post : *posts) {
    // A forward's payload is what a retrieve sends too. We wrote it: it can be read.
    const auto forward = sealed::read_message(post->message.bytes());
    page.push_back({post->id, std::string(forward ? forward->payload : std::string_view())});
  }
  return page;
}

}  // namespace hub::server
