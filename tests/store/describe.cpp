#include "tests/store/describe.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/support/store_verbs.hpp"

namespace hub::test {

using namespace store;

namespace {

std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }

std::string describe(const StoredSession& s) {
  return fmt::format("session {} {} {} {} {} {} {}{} {}", s.account, s.name,
                     static_cast<int>(s.framing), s.token, to_string(s.remote), to_string(s.local),
                     s.magic[0], s.magic[1], micros(s.online_since)) +
         fmt::format(" scopes {} {} device {}", s.remote.scope, s.local.scope, s.device);
}

std::string describe(const Device& d) {
  return fmt::format("device {} {} {} {} {} {} {} done {}", d.number, d.account, to_string(d.id),
                     d.resume_key ? (*d.resume_key)[0] : 0, micros(d.created), micros(d.last_seen),
                     d.mark, d.done);
}

std::string describe(const std::vector<Followee>& followees) {
  std::string out;
  for (const Followee& each : followees)
    out += fmt::format("{} since {};", each.account, each.since);
  return out;
}

struct Describe {
  std::string operator()(const Posted& r) const { return fmt::format("posted {}", r.id); }
  std::string operator()(const SessionOpened& r) const {
    return "opened " + describe(r.session) + " followees " + describe(r.followees) +
           (r.device ? describe(*r.device) : "");
  }
  std::string operator()(const Repeated& r) const {
    return fmt::format("repeated {}", static_cast<int>(r.outcome));
  }
  std::string operator()(const Done&) const { return "done"; }
  std::string operator()(const Progress& r) const {
    return r.remaining > 0 ? "progress" : "progress: posts gone";
  }
  std::string operator()(const Refused& r) const {
    return fmt::format("refused {}", static_cast<int>(r.why));
  }
  std::string operator()(const PostCommitted& e) const {
    return "  event post " + test::describe(e.post);
  }
  std::string operator()(const FollowAdded& e) const {
    return fmt::format("  event follow {} {}", e.follower, e.followee);
  }
  std::string operator()(const FollowRemoved& e) const {
    return fmt::format("  event unfollow {} {}", e.follower, e.followee);
  }
  std::string operator()(const SessionsEnded& e) const {
    return fmt::format("  event ended {}", e.account);
  }
  std::string operator()(const PostDeleted& e) const {
    return fmt::format("  event post deleted {}", e.post);
  }
  std::string operator()(const PostsDeleted& e) const {
    return fmt::format("  event posts deleted {} above {}", e.author, e.above);
  }
  std::string operator()(const PostsHidden& e) const {
    return fmt::format("  event posts hidden {}", e.author);
  }
  std::string operator()(const PostsShown& e) const {
    return fmt::format("  event posts shown {}", e.author);
  }
  std::string operator()(const DeviceEnded& e) const {
    return fmt::format("  event device ended {} {} {}", e.account, e.device, e.replaced);
  }
};

template <typename T>
T value(Read<T> read) {
  if (!read) throw std::runtime_error(read.error().message);
  return *read;
}

}  // namespace

std::string describe(const Post& post) {
  return fmt::format("{} {} <{}>{} {}", post.id, post.author, post.author_name, post.text,
                     micros(post.at));
}

std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string left = i < a.size() ? a[i] : "(end)";
    const std::string right = i < b.size() ? b[i] : "(end)";
    if (left != right) return fmt::format("line {}: {} | {}", i, left, right);
  }
  return {};
}

std::vector<std::string> describe(const std::vector<Output>& outputs) {
  std::vector<std::string> out;
  std::size_t events = 0;
  const auto sort_events = [&] {
    std::sort(out.end() - static_cast<std::ptrdiff_t>(events), out.end());
    events = 0;
  };
  for (const Output& output : outputs) {
    if (const auto* reply = std::get_if<Reply>(&output)) {
      sort_events();
      out.push_back(fmt::format("{} {}", reply->tag, std::visit(Describe{}, reply->body)));
    } else {
      out.push_back(std::visit(Describe{}, std::get<Event>(output)));
      ++events;
    }
  }
  sort_events();
  return out;
}

std::vector<std::string> describe(Reader& reader) {
  std::vector<std::string> out;
  const Counts c = value(reader.counts());
  out.push_back(fmt::format("counts {} {} {} {} {}", c.accounts, c.disabled_accounts, c.follows,
                            c.sessions, c.last_post));
  out.push_back(fmt::format("last post {}", value(reader.last_post())));
  for (const std::uint32_t n : {3u, 1'000'000u}) {
    for (const std::size_t most_bytes : {100u, 1'000'000u}) {
      const HistoryEnd end = value(reader.history_end(n, most_bytes));
      out.push_back(fmt::format("of the last {}, {} bytes, all {}", n, most_bytes, end.is_all));
      for (const HistoryPost& each : end.posts) {
        out.push_back(fmt::format("  deleted {} hidden {} ", each.is_deleted, each.is_hidden) +
                      describe(each.post));
      }
    }
  }
  for (const Account& a : value(reader.accounts("", 1'000'000))) {
    out.push_back(fmt::format("account {} {} {} {} key {}", a.id, a.name, a.disabled,
                              micros(a.created), a.verifier.stored_key[0]));
    out.push_back("  follows " + describe(value(reader.followees(a.id))));
    for (const Post& post : value(reader.retrieve(a.id, 1'000'000, 0))) {
      out.push_back("  sees " + describe(post));
    }
    for (const Device& device : value(reader.devices(a.id))) {
      out.push_back("  " + describe(device));
      const auto known = value(find_device(reader, a.name, device.id));
      out.push_back(known ? fmt::format("  known {} {} ", known->account, known->name) +
                                describe(known->device)
                          : "  unknown");
    }
  }
  for (const StoredSession& s : value(reader.sessions({}, 1'000'000))) out.push_back(describe(s));
  return out;
}

}  // namespace hub::test
