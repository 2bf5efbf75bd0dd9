// What MemoryStore's readers read.
#include <algorithm>

#include "protocol/client_id.hpp"
#include "protocol/limits.hpp"
#include "tests/support/memory_store.hpp"

namespace hub::test {

using store::Account;
using store::Post;
using store::Read;
using store::ReadError;
using store::StoredSession;

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

  Read<MessageId> last_post() override {
    return read([&] { return memory_.next_post_ - 1; });
  }

  Read<store::HistoryEnd> history_end(std::uint32_t n, std::size_t most_bytes) override {
    return read([&] {
      store::HistoryEnd out;
      std::size_t bytes = 0;
      auto it = memory_.posts_.rbegin();
      for (; it != memory_.posts_.rend() && out.posts.size() < n; ++it) {
        const auto& [id, post] = *it;
        const Account* author = memory_.get(post.author);
        store::HistoryPost read{{id, post.author, {}, {}, post.at}, !post.text, author->disabled};
        if (post.text) read.post.author_name = author->name;
        read.post.text = post.text.value_or("");
        bytes += read.post.author_name.size() + read.post.text.size();
        if (bytes > most_bytes) break;
        out.posts.push_back(std::move(read));
      }
      out.is_all = it == memory_.posts_.rend() && out.posts.size() < n;
      std::reverse(out.posts.begin(), out.posts.end());
      return out;
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
        if (scanned++ >= kCatchUpScan || page.posts.size() >= limit) return page;
        const auto& [id, post] = *it;
        page.up_to = id;
        if (!memory_.is_due(account, id, post)) continue;
        page.posts.push_back(
            {id, post.author, memory_.get(post.author)->name, *post.text, post.at});
      }
      page.up_to = std::max(page.up_to, memory_.next_post_ - 1);
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

  Read<std::vector<std::optional<store::KnownDevice>>> find_devices(
      std::span<const store::DeviceName> names) override {
    return read([&] {
      std::vector<std::optional<store::KnownDevice>> out;
      for (const store::DeviceName& name : names) {
        auto& known = out.emplace_back();
        const Account* account = memory_.find(name.client_id);
        if (account == nullptr || account->disabled) continue;
        const StoredDevice* device = memory_.find_device(account->id, name.device);
        if (device == nullptr) continue;
        known = store::KnownDevice{account->id, account->name, device->record};
      }
      return out;
    });
  }

  Read<std::vector<store::Device>> devices(AccountId account) override {
    return read([&] { return memory_.devices_of(account); });
  }

  Read<std::vector<StoredSession>> sessions(const store::SessionKey& after,
                                            std::uint32_t limit) override {
    return read([&] {
      std::vector<StoredSession> out;
      auto it = memory_.sessions_.upper_bound(place_of(after.account, after.framing, after.token));
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
