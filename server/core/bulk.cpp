// Retrieves of the sealed framing. Each is a stream of its own in the bulk lane; they are served
// one after the other. A run is read in pages, from memory or from the store, the next one when all
// of the last is with the connection, and the connection takes little ahead of what its client
// acknowledged: so however much is asked for, the hub holds a page and a queue of it.
#include <algorithm>
#include <utility>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

/// Of retrieve replies in the channel, unacknowledged.
constexpr std::size_t kBulkQueue = std::size_t{32} * 1024;
constexpr std::chrono::seconds kReadAgain{1};

std::uint32_t page_of(const RetrieveStream& run) {
  return fault("retrieve_in_one_page") ? run.left : std::min(run.left, kRetrievePage);
}

}  // namespace

void Hub::Impl::request_stream(Session& session, const Incoming& in) {
  if (in.range.count == 0) {
    send(session, Opcode::kRetrieveEnd);
    ++counters.retrieves_served;
    return;
  }
  Link& link = *session.link;
  if (link.streams == nullptr) link.streams = std::make_unique<std::deque<RetrieveStream>>();
  if (link.streams->size() >= kMaxRetrieves && !fault("retrieves_unbounded")) {
    ++counters.drop_retrieve_queue;
    refuse(session, in.opcode, control::Refusal::kBusy);
    return;
  }
  link.streams->push_back({in.range.count, in.range.before});
  links.touch(link);
}

bool Hub::Impl::read_page(const Session& session, RetrieveStream& run) {
  run.reading =
      read(RetrieveJob{0, session.account, page_of(run), run.before}, PendingRetrieve{session.id});
  if (!run.reading) ++counters.drop_busy_reader;
  return run.reading;
}

void Hub::Impl::on_sealed_page(Session& session, const RetrievePage& page, Now now) {
  Link& link = *session.link;
  if (link.streams == nullptr || link.streams->empty()) return;
  RetrieveStream& run = link.streams->front();
  run.reading = false;
  links.touch(link);
  if (!page.posts && !run.stream) {
    link.streams->pop_front();
    refuse(session, Opcode::kRetrieve, control::Refusal::kStoreFailed);
    return;
  }
  if (!page.posts) {  // part of it is on its way: it cannot be refused any more
    run.not_before = now.mono + kReadAgain;
    return;
  }
  ++counters.retrieve_pages_read;
  std::vector<RetrievedPost> posts;
  posts.reserve(page.posts->size());
  for (const store::Post& post : *page.posts) {
    posts.push_back({post.id, format_post(post.author_name, post.text)});
  }
  take_page(link, run, std::move(posts));
}

/// The newest posts are in memory, and mostly they are all that is asked for: then nobody waits for
/// the reader thread. Only a whole page is taken from there; false where older posts are needed.
bool Hub::Impl::take_recent_page(Link& link, RetrieveStream& run) {
  const auto followees = follows.followees(link.session->account);
  const auto found = recent.newest_of(followees, page_of(run), run.before);
  if (!found) return false;
  ++counters.retrieve_pages_from_memory;
  std::vector<RetrievedPost> posts;
  posts.reserve(found->size());
  for (const RecentPosts::Entry* post : *found) {
    // A forward's payload is what a retrieve sends too. We wrote it: it can be read.
    const auto forward = sealed::read_message(post->message.bytes());
    posts.push_back({post->id, std::string(forward ? forward->payload : std::string_view())});
  }
  take_page(link, run, std::move(posts));
  return true;
}

void Hub::Impl::take_page(Link& link, RetrieveStream& run, std::vector<RetrievedPost> posts) {
  const auto read = static_cast<std::uint32_t>(posts.size());
  run.left = read < page_of(run) ? 0 : run.left - read;
  if (read > 0) run.before = posts.back().id;
  run.posts = std::move(posts);
  run.next = 0;
  if (!run.stream) run.stream = link.connection.channel().open_bulk();
}

void Hub::Impl::feed_streams(Link& link, Now now) {
  while (!link.streams->empty() && feed_stream(link, link.streams->front(), now)) {
  }
  if (link.streams->empty()) link.streams.reset();
}

/// A step of the run; false where it has to wait.
bool Hub::Impl::feed_stream(Link& link, RetrieveStream& run, Now now) {
  channel::Channel& channel = link.connection.channel();
  if (run.reading || channel.bulk_queued_bytes() >= kBulkQueue) return false;
  const auto send_bulk = [&](const sealed::Message& message, bool last) {
    return channel.send_bulk(*run.stream, sealed::write_message(message), last);
  };
  if (run.next < run.posts.size()) {
    const RetrievedPost& post = run.posts[run.next];
    if (!send_bulk({Opcode::kRetrieveAck, post.id, post.payload}, false)) return false;
    ++run.next;
    return true;
  }
  if (run.left > 0) {
    if (now.mono >= run.not_before) {
      if (take_recent_page(link, run)) return true;
      if (read_page(*link.session, run)) return false;
    }
    if (!run.stream) {
      link.streams->pop_front();
      refuse(*link.session, Opcode::kRetrieve, control::Refusal::kBusy);
      return true;
    }
    run.not_before = std::max(run.not_before, now.mono + kReadAgain);
    links.arm(link, run.not_before);
    return false;
  }
  if (!send_bulk({Opcode::kRetrieveEnd, 0, {}}, true)) return false;
  ++counters.retrieves_served;
  link.streams->pop_front();
  return true;
}

/// Nobody is there to read them any more. The connection goes on, and a stream that is not ended
/// would keep its place in it.
void Hub::Impl::end_streams(Link& link) {
  if (link.streams == nullptr) return;
  const auto unread = std::exchange(link.streams, nullptr);
  if (link.connection.is_closed() || fault("streams_not_ended")) return;
  for (const RetrieveStream& run : *unread) {
    if (!run.stream) continue;
    const auto end = sealed::write_message({Opcode::kRetrieveEnd, 0, {}});
    if (!link.connection.channel().send_bulk(*run.stream, end, true)) {
      ++counters.connections_overrun;
      close_link(link, sealed::CloseReason::kBusy);
      return;
    }
  }
}

}  // namespace hub::server
