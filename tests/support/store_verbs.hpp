// A store with verbs, for tests: verbs.add("ann"), verbs.post("bob", "hello"), verbs.feed("ann").
// Each verb is a batch of its own; run() takes a larger one. Holds a reader; no clock: every batch
// is one second after the one before.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "store/store.hpp"

namespace hub::test {

/// A verifier within bounds that no password fits; `seed` makes it differ from others.
Verifier dummy_verifier(std::uint8_t seed = 0);

/// A device's ID and its resume key, different for every seed.
DeviceId dummy_device(std::uint8_t seed);
Key dummy_resume_key(std::uint8_t seed);

/// Store::apply() on a copy.
std::vector<store::Output> apply(store::Store& store, std::vector<store::Request> batch,
                                 WallTime now = {});

/// One of them alone, as `reader` finds it.
store::Read<std::optional<store::KnownDevice>> find_device(store::Reader& reader,
                                                           const std::string& client_id,
                                                           const DeviceId& device);

class StoreVerbs {
 public:
  using ReplyBody = decltype(store::Reply::body);

  explicit StoreVerbs(store::Store& store);

  store::Store& store() { return store_; }
  store::Reader& reader() { return *reader_; }

  /// One request, one reply; its events are then in events().
  ReplyBody ask(decltype(store::Request::body) body);
  /// A batch; the tags count from 0. Replies in order; all events are then in events().
  std::vector<ReplyBody> run(const std::vector<decltype(store::Request::body)>& bodies);
  const std::vector<store::Event>& events() const { return events_; }

  /// These fail the test (std::logic_error) unless the store does what is asked.
  AccountId add(const std::string& name);
  MessageId post(const std::string& author, const std::string& text);
  void follow(const std::string& follower, const std::string& target);
  void unfollow(const std::string& follower, const std::string& target);
  void remove(const std::string& name);  // asks again until it is done
  store::SessionOpened open_session(const std::string& name, Token token);
  /// A sealed session of the device with this seed, by password; its connection ID is the seed.
  store::SessionOpened open_sealed(const std::string& name, std::uint8_t device);

  AccountId id(std::string_view name);
  store::AppendPost append(const std::string& author, const std::string& text);
  store::StoredSession session(const std::string& name, Token token);
  store::OpenSession sealed_login(const std::string& name, std::uint8_t device,
                                  store::DeviceLogin::Proof proof);

  /// "<bob>hello" for each post that `name` retrieves.
  std::vector<std::string> feed(const std::string& name, std::uint32_t n = 20,
                                MessageId before = 0);

  WallTime now() const { return now_; }

 protected:
  void drop_reader() { reader_.reset(); }

 private:
  store::Store& store_;
  std::unique_ptr<store::Reader> reader_;
  std::vector<store::Event> events_;
  WallTime now_{std::chrono::seconds(1'700'000'000)};
};

/// The refusal in a reply; nothing where it is none.
std::optional<control::Refusal> refusal_in(const StoreVerbs::ReplyBody& reply);
bool is_done(const StoreVerbs::ReplyBody& reply);
/// What a repeated number did; nothing where the reply says something else.
std::optional<store::Repeated::Outcome> repeated_in(const StoreVerbs::ReplyBody& reply);

std::vector<AccountId> accounts_of(const std::vector<store::Followee>& followees);

}  // namespace hub::test
