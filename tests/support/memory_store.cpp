#include "tests/support/memory_store.hpp"

#include <algorithm>

#include "protocol/client_id.hpp"
#include "protocol/limits.hpp"
#include "store/refusals.hpp"

namespace hub::test {

using control::Done;
using control::Progress;
using control::Refusal;
using control::Refused;
using store::Account;
using store::FollowAdded;
using store::FollowRemoved;
using store::Output;
using store::Post;
using store::Posted;
using store::Read;
using store::ReadError;
using store::Reply;
using store::SessionsEnded;
using store::StoredSession;

namespace {

// Each is validated before it changes anything, so that nothing ever needs undoing; a failing
// commit is decided before the batch begins.
Refused refusal(Refusal why) {
  if (why == Refusal::kDiskFull) return store::disk_full();
  if (why == Refusal::kBusy) return store::locked();
  return store::store_failed("asked to fail");
}

auto key_of(AccountId account, Framing framing, std::uint64_t token) {
  return std::tuple(account, framing, static_cast<std::int64_t>(token));
}

}  // namespace

MemoryStore::MemoryStore(const store::StoreOptions& options)
    : MemoryStore(options, {0x1122334455667788, Key{1, 2, 3}, {kMinKdfMemory, kMinKdfPasses}}) {}

MemoryStore::MemoryStore(const store::StoreOptions& options, const store::HubInfo& info)
    : options_(options), info_(info) {}

std::vector<Output> MemoryStore::apply(std::span<const store::Request> batch, WallTime now) {
  std::vector<Output> out;
  if (batch.empty()) return out;
  now_ = now;
  const auto failure = failed_ ? failed_ : std::exchange(next_failure_, std::nullopt);
  if (failure == Refusal::kStoreFailed) failed_ = failure;
  for (const store::Request& request : batch) {
    if (failure && (failure != Refusal::kDiskFull || store::is_growth(request))) {
      out.emplace_back(Reply{request.tag, refusal(*failure)});
      continue;
    }
    events_.clear();
    ReplyBody reply = std::visit([this](const auto& body) { return perform(body); }, request.body);
    out.emplace_back(Reply{request.tag, std::move(reply)});
    for (store::Event& event : events_) out.emplace_back(std::move(event));
  }
  return out;
}

MemoryStore::ReplyBody MemoryStore::perform(const store::AppendPost& request) {
  if (auto refused = refuse_unless_active(request.author)) return *refused;
  const MessageId id = next_post_++;
  posts_[id] = {request.author, request.text, now_};
  events_.push_back(
      store::PostCommitted{{id, request.author, request.author_name, request.text, now_}});
  return Posted{id};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::Follow& request) {
  if (auto refused = refuse_unless_active(request.follower)) return *refused;
  const Account* target = find(request.target);
  if (target == nullptr || target->disabled) return store::no_account(request.target);
  if (follows_.contains({request.follower, target->id})) return Done{};
  if (followees_of(request.follower).size() >= options_.max_follows) {
    return store::too_many_follows(options_.max_follows);
  }
  follows_[{request.follower, target->id}] = next_post_ - 1;
  events_.push_back(FollowAdded{request.follower, target->id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::Unfollow& request) {
  if (auto refused = refuse_unless_active(request.follower)) return *refused;
  const Account* target = find(request.target);
  if (target == nullptr) return store::no_account(request.target);
  if (follows_.erase({request.follower, target->id}) == 0) return store::no_follow(request.target);
  events_.push_back(FollowRemoved{request.follower, target->id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::OpenSession& request) {
  StoredSession session = request.session;
  if (auto refused = refuse_unless_active(session.account)) return *refused;
  session.name = get(session.account)->name;
  if (session.framing == Framing::kClassic) {
    std::erase_if(sessions_, [&](const auto& entry) {
      return entry.second.account == session.account && entry.second.framing == Framing::kClassic;
    });
  }
  sessions_[key_of(session.account, session.framing, session.token)] = session;
  return store::SessionOpened{session, followees_of(session.account)};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::CloseSession& request) {
  sessions_.erase(key_of(request.account, request.framing, request.token));
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::AddUser& request) {
  const auto id = ClientId::parse(request.name);
  if (!id) return store::bad_id();
  if (!request.verifier.kdf.is_valid()) return store::bad_verifier();
  if (find(request.name) != nullptr) return store::account_exists(request.name);
  if (retired_.contains(id->key())) return store::account_retired(request.name);
  accounts_[id->key()] = {next_account_++, id->text(), request.verifier, false, now_};
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::SetPassword& request) {
  if (!request.verifier.kdf.is_valid()) return store::bad_verifier();
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->verifier = request.verifier;
  end_sessions(account->id);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DisableUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->disabled = true;
  end_sessions(account->id);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::EnableUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->disabled = false;
  return Done{};
}

template <typename Predicate>
void MemoryStore::remove_follows(std::uint32_t& budget, Predicate&& chosen) {
  for (auto it = follows_.begin(); it != follows_.end() && budget > 0;) {
    if (!chosen(it->first)) {
      ++it;
      continue;
    }
    events_.push_back(FollowRemoved{it->first.first, it->first.second});
    it = follows_.erase(it);
    --budget;
  }
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DeleteUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  const AccountId id = account->id;
  account->disabled = true;
  end_sessions(id);
  std::uint32_t budget = options_.delete_step;
  const auto is_own = [&](const auto& post) { return post.second.author == id; };
  while (budget > 0) {
    const auto newest = std::find_if(posts_.rbegin(), posts_.rend(), is_own);
    if (newest == posts_.rend()) break;
    posts_.erase(std::prev(newest.base()));
    --budget;
  }
  remove_follows(budget, [&](const auto& pair) { return pair.first == id; });
  remove_follows(budget, [&](const auto& pair) { return pair.second == id; });
  if (budget == 0) return Progress{std::any_of(posts_.begin(), posts_.end(), is_own) ? 1u : 0u};
  const std::string key = ClientId::parse(account->name)->key();
  retired_.insert(key);
  accounts_.erase(key);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DeletePost& request) {
  const auto post = posts_.find(request.id);
  if (post == posts_.end() || !post->second.text) return store::no_post(request.id);
  post->second.text.reset();
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::EndSession& request) {
  const Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  if (end_sessions(account->id)) return Done{};
  events_.clear();
  return store::no_session(request.name);
}

Account* MemoryStore::find(std::string_view id) {
  const auto parsed = ClientId::parse(id);
  if (!parsed) return nullptr;
  const auto found = accounts_.find(parsed->key());
  return found != accounts_.end() ? &found->second : nullptr;
}

const Account* MemoryStore::get(AccountId id) const {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [&](const auto& entry) { return entry.second.id == id; });
  return found != accounts_.end() ? &found->second : nullptr;
}

std::optional<Refused> MemoryStore::refuse_unless_active(AccountId id) const {
  const Account* account = get(id);
  if (account == nullptr) return store::no_account("");
  if (account->disabled) return store::account_disabled();
  return std::nullopt;
}

std::vector<store::Followee> MemoryStore::followees_of(AccountId follower) const {
  std::vector<store::Followee> out;
  for (auto it = follows_.lower_bound({follower, 0});
       it != follows_.end() && it->first.first == follower; ++it) {
    out.push_back({it->first.second, it->second});
  }
  return out;
}

bool MemoryStore::end_sessions(AccountId account) {
  events_.push_back(SessionsEnded{account});
  return std::erase_if(sessions_,
                       [&](const auto& entry) { return entry.second.account == account; }) > 0;
}

class MemoryStore::MemoryReader final : public store::Reader {
 public:
  explicit MemoryReader(MemoryStore& memory) : memory_(memory) {}

  Read<store::HubInfo> info() override {
    return read([&] { return memory_.info_; });
  }

  Read<store::Counts> counts() override {
    return read([&] {
      store::Counts counts;
      counts.accounts = memory_.accounts_.size();
      for (const auto& entry : memory_.accounts_) {
        if (entry.second.disabled) ++counts.disabled_accounts;
      }
      counts.follows = memory_.follows_.size();
      counts.sessions = memory_.sessions_.size();
      counts.last_post = memory_.next_post_ - 1;
      return counts;
    });
  }

  Read<std::optional<Account>> account(std::string_view id) override {
    return read([&]() -> std::optional<Account> {
      const Account* account = memory_.find(id);
      if (account == nullptr) return std::nullopt;
      return *account;
    });
  }

  Read<std::vector<Post>> retrieve(AccountId account, std::uint32_t n, MessageId before) override {
    return read([&] {
      std::vector<Post> out;
      auto end = before == 0 ? memory_.posts_.end() : memory_.posts_.lower_bound(before);
      for (auto it = std::make_reverse_iterator(end); it != memory_.posts_.rend(); ++it) {
        if (out.size() >= n) break;
        const StoredPost& post = it->second;
        if (!post.text || memory_.follows_.count({account, post.author}) == 0) {
          continue;
        }
        const Account* author = memory_.get(post.author);
        if (author->disabled) continue;
        out.push_back({it->first, post.author, author->name, *post.text, post.at});
      }
      return out;
    });
  }

  Read<std::vector<store::Followee>> followees(AccountId account) override {
    return read([&] { return memory_.followees_of(account); });
  }

  Read<std::vector<Account>> accounts(std::string_view after_id, std::uint32_t limit) override {
    return read([&] {
      std::vector<Account> out;
      const auto after = ClientId::parse(after_id);
      auto it = memory_.accounts_.upper_bound(after ? after->key() : std::string());
      for (; it != memory_.accounts_.end() && out.size() < limit; ++it) out.push_back(it->second);
      return out;
    });
  }

  Read<store::CatchUpPage> catch_up(AccountId account, MessageId after,
                                    std::uint32_t limit) override {
    return read([&] {
      store::CatchUpPage page{{}, after};
      std::uint32_t scanned = 0;
      for (auto it = memory_.posts_.upper_bound(after); it != memory_.posts_.end(); ++it) {
        if (scanned++ >= kCatchUpScan || page.posts.size() >= limit) break;
        const auto& [id, post] = *it;
        page.up_to = id;
        const auto follow = memory_.follows_.find({account, post.author});
        const Account* author = memory_.get(post.author);
        if (follow == memory_.follows_.end() || id <= follow->second || !post.text ||
            author == nullptr || author->disabled) {
          continue;
        }
        page.posts.push_back({id, post.author, author->name, *post.text, post.at});
      }
      return page;
    });
  }

  Read<std::vector<StoredSession>> sessions(const store::SessionKey& after,
                                            std::uint32_t limit) override {
    return read([&] {
      std::vector<StoredSession> out;
      auto it = memory_.sessions_.upper_bound(key_of(after.account, after.framing, after.token));
      for (; it != memory_.sessions_.end() && out.size() < limit; ++it) out.push_back(it->second);
      return out;
    });
  }

 private:
  template <typename Body>
  auto read(Body&& body) -> Read<decltype(body())> {
    if (memory_.reads_fail_) return tl::unexpected(ReadError{"asked to fail"});
    return body();
  }

  MemoryStore& memory_;
};

std::unique_ptr<store::Reader> MemoryStore::open_reader() {
  return std::make_unique<MemoryReader>(*this);
}

}  // namespace hub::test
