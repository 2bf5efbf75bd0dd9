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
using store::Repeated;
using store::Reply;
using store::SessionOpened;
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
    if (failure) {
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

template <typename Body>
MemoryStore::ReplyBody MemoryStore::once(const store::Numbered& once, AccountId account,
                                         Body&& body) {
  using Outcome = Repeated::Outcome;
  if (auto refused = refuse_unless_active(account)) return *refused;
  if (once.number == 0) return body();
  const auto device = devices_.find(once.device);
  if (device == devices_.end() || device->second.record.account != account) {
    return store::no_device();
  }
  auto& [record, outcomes] = device->second;
  if (once.number <= record.done) {
    if (record.done - once.number >= kRememberedRequests) return Repeated{Outcome::kForgotten};
    const auto found = outcomes.find(once.number);
    return Repeated{found != outcomes.end() ? found->second : Outcome::kRefused};
  }
  ReplyBody reply = body();
  record.done = once.number;
  outcomes[once.number] = std::holds_alternative<Refused>(reply) ? Outcome::kFailed : Outcome::kOk;
  return reply;
}

MemoryStore::ReplyBody MemoryStore::perform(const store::AppendPost& request) {
  return once(request.once, request.author, [&] {
    const MessageId id = next_post_++;
    posts_[id] = {request.author, request.text, now_};
    events_.push_back(
        store::PostCommitted{{id, request.author, request.author_name, request.text, now_}});
    return Posted{id};
  });
}

MemoryStore::ReplyBody MemoryStore::perform(const store::Follow& request) {
  return once(request.once, request.follower,
              [&] { return follow(request.follower, request.target); });
}

MemoryStore::ReplyBody MemoryStore::perform(const store::Unfollow& request) {
  return once(request.once, request.follower,
              [&] { return unfollow(request.follower, request.target); });
}

MemoryStore::ReplyBody MemoryStore::follow(AccountId follower, const std::string& name) {
  const Account* target = find(name);
  if (target == nullptr || target->disabled) return store::no_account(name);
  if (follows_.contains({follower, target->id})) return Done{};
  if (followees_of(follower).size() >= options_.max_follows) {
    return store::too_many_follows(options_.max_follows);
  }
  follows_[{follower, target->id}] = next_post_ - 1;
  events_.push_back(FollowAdded{follower, target->id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::unfollow(AccountId follower, const std::string& name) {
  const Account* target = find(name);
  if (target == nullptr) return store::no_account(name);
  if (follows_.erase({follower, target->id}) == 0) return store::no_follow(name);
  events_.push_back(FollowRemoved{follower, target->id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::OpenSession& request) {
  StoredSession session = request.session;
  const bool is_sealed = session.framing == Framing::kSealed;
  if (request.device.has_value() != is_sealed) return store::bad_session();
  if (auto refused = refuse_unless_active(session.account)) return *refused;
  session.name = get(session.account)->name;
  session.device = 0;
  std::optional<store::Device> device;
  if (is_sealed) {
    const StoredDevice* admitted = admit_device(session.account, *request.device);
    if (admitted == nullptr) return store::no_device();
    device = admitted->record;
    session.device = device->number;
  }
  std::erase_if(sessions_, [&](const auto& entry) {
    return entry.second.account == session.account && entry.second.framing == session.framing &&
           entry.second.device == session.device;
  });
  sessions_[key_of(session.account, session.framing, session.token)] = session;
  return SessionOpened{session, followees_of(session.account), device};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::CloseSession& request) {
  const auto found = sessions_.find(key_of(request.account, request.framing, request.token));
  if (found == sessions_.end()) return Done{};
  const auto device = devices_.find(found->second.device);
  sessions_.erase(found);
  if (device == devices_.end()) return Done{};
  see_device(device->first, request.mark);
  if (request.logged_out) device->second.record.resume_key.reset();
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const store::SaveProgress& request) {
  const auto found = sessions_.find(key_of(request.account, Framing::kSealed, request.token));
  if (found == sessions_.end()) return Done{};
  found->second.remote = request.remote;
  found->second.local = request.local;
  see_device(found->second.device, request.mark);
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
  erase_resume_keys(account->id);
  end_sessions(account->id);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DisableUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->disabled = true;
  erase_resume_keys(account->id);
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
  remove_devices(id);
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

MemoryStore::ReplyBody MemoryStore::perform(const control::ForgetDevice& request) {
  const Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  StoredDevice* device = find_device(account->id, request.device);
  if (device == nullptr) return store::no_device();
  const store::DeviceNumber number = device->record.number;
  device->record.resume_key.reset();
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.device == number; });
  events_.push_back(store::DeviceEnded{account->id, number, false});
  return Done{};
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

MemoryStore::StoredDevice* MemoryStore::find_device(AccountId account, const DeviceId& id) {
  for (auto& entry : devices_) {
    const store::Device& device = entry.second.record;
    if (device.account == account && device.id == id) return &entry.second;
  }
  return nullptr;
}

MemoryStore::StoredDevice* MemoryStore::admit_device(AccountId account,
                                                     const store::DeviceLogin& login) {
  StoredDevice* known = find_device(account, login.id);
  if (login.proof == store::DeviceLogin::Proof::kResumeKey) {
    if (known == nullptr || known->record.resume_key != login.resume_key) return nullptr;
  }
  if (known == nullptr) {
    while (true) {
      const auto others = devices_of(account);  // the least recently seen first
      if (others.empty() || others.size() < options_.max_devices) break;
      remove_device(others.front().number);
      events_.push_back(store::DeviceEnded{account, others.front().number, true});
    }
    known = &devices_[next_device_];
    known->record = {next_device_++, account, login.id,       login.resume_key,
                     now_,           now_,    next_post_ - 1, 0};
  }
  known->record.resume_key = login.resume_key;
  see_device(known->record.number, 0);
  return known;
}

void MemoryStore::erase_resume_keys(AccountId account) {
  for (auto& entry : devices_) {
    if (entry.second.record.account == account) entry.second.record.resume_key.reset();
  }
}

void MemoryStore::remove_device(store::DeviceNumber number) {
  devices_.erase(number);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.device == number; });
}

void MemoryStore::remove_devices(AccountId account) {
  for (const store::Device& device : devices_of(account)) remove_device(device.number);
}

std::vector<store::Device> MemoryStore::devices_of(AccountId account) const {
  std::vector<store::Device> out;
  for (const auto& entry : devices_) {
    if (entry.second.record.account == account) out.push_back(entry.second.record);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.last_seen < b.last_seen; });
  return out;
}

void MemoryStore::see_device(store::DeviceNumber number, MessageId mark) {
  store::Device& device = devices_.at(number).record;
  device.last_seen = now_;
  device.mark = std::max(device.mark, std::min(mark, next_post_ - 1));
}

bool MemoryStore::is_due(AccountId follower, MessageId id, const StoredPost& post) const {
  const auto follow = follows_.find({follower, post.author});
  const Account* author = get(post.author);
  return follow != follows_.end() && id > follow->second && post.text && author != nullptr &&
         !author->disabled;
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
        if (!memory_.is_due(account, id, post)) continue;
        page.posts.push_back(
            {id, post.author, memory_.get(post.author)->name, *post.text, post.at});
      }
      return page;
    });
  }

  Read<store::Backlog> backlog(AccountId account, MessageId after, std::uint32_t keep,
                               std::uint32_t most_counted) override {
    return read([&] {
      std::vector<MessageId> due;  // the newest first
      for (auto it = memory_.posts_.rbegin(); it != memory_.posts_.rend(); ++it) {
        if (it->first > after && memory_.is_due(account, it->first, it->second)) {
          due.push_back(it->first);
        }
      }
      if (due.size() <= keep) return store::Backlog{0, false, after};
      const std::size_t left_out = due.size() - keep;
      return store::Backlog{
          static_cast<std::uint32_t>(std::min<std::size_t>(left_out, most_counted)),
          left_out > most_counted, due[keep]};
    });
  }

  Read<std::optional<store::KnownDevice>> device(std::string_view client_id,
                                                 const DeviceId& id) override {
    return read([&]() -> std::optional<store::KnownDevice> {
      const Account* account = memory_.find(client_id);
      if (account == nullptr || account->disabled) return std::nullopt;
      const StoredDevice* device = memory_.find_device(account->id, id);
      if (device == nullptr) return std::nullopt;
      return store::KnownDevice{account->id, account->name, device->record};
    });
  }

  Read<std::vector<store::Device>> devices(AccountId account) override {
    return read([&] { return memory_.devices_of(account); });
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
