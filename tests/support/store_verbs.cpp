#include "tests/support/store_verbs.hpp"

#include <stdexcept>
#include <utility>

#include "protocol/limits.hpp"
#include "protocol/message.hpp"

namespace hub::test {

namespace {

[[noreturn]] void surprised(const std::string& what, const StoreVerbs::ReplyBody& reply) {
  const auto* refused = std::get_if<control::Refused>(&reply);
  throw std::logic_error(what + ": " + (refused != nullptr ? refused->message : "another reply"));
}

void expect_done(const std::string& what, const StoreVerbs::ReplyBody& reply) {
  if (!is_done(reply)) surprised(what, reply);
}

}  // namespace

Verifier dummy_verifier(std::uint8_t seed) {
  Verifier verifier;
  verifier.salt.fill(seed);
  verifier.kdf = {kMinKdfMemory, kMinKdfPasses};
  verifier.stored_key.fill(static_cast<std::uint8_t>(seed + 1));
  verifier.server_key.fill(static_cast<std::uint8_t>(seed + 2));
  return verifier;
}

DeviceId dummy_device(std::uint8_t seed) {
  DeviceId id{};
  id.fill(seed);
  return id;
}

Key dummy_resume_key(std::uint8_t seed) {
  Key key{};
  key.fill(static_cast<std::uint8_t>(seed + 100));
  return key;
}

std::vector<store::Output> apply(store::Store& store, std::vector<store::Request> batch,
                                 WallTime now) {
  return store.apply(batch, now);
}

store::Read<std::optional<store::KnownDevice>> find_device(store::Reader& reader,
                                                           const std::string& client_id,
                                                           const DeviceId& device) {
  const store::DeviceName name{client_id, device};
  auto found = reader.find_devices({&name, 1});
  if (!found) return tl::unexpected(found.error());
  return std::move(found->front());
}

StoreVerbs::StoreVerbs(store::Store& store) : store_(store), reader_(store.open_reader()) {}

StoreVerbs::ReplyBody StoreVerbs::ask(decltype(store::Request::body) body) {
  return run({std::move(body)}).at(0);
}

std::vector<StoreVerbs::ReplyBody> StoreVerbs::run(
    const std::vector<decltype(store::Request::body)>& bodies) {
  std::vector<store::Request> batch;
  for (const auto& body : bodies) batch.push_back({batch.size(), body});
  now_ += std::chrono::seconds(1);
  events_.clear();
  std::vector<ReplyBody> replies;
  for (store::Output& output : store_.apply(batch, now_)) {
    if (auto* event = std::get_if<store::Event>(&output)) {
      events_.push_back(std::move(*event));
      continue;
    }
    auto& reply = std::get<store::Reply>(output);
    if (reply.tag != replies.size()) throw std::logic_error("a reply is missing or out of order");
    replies.push_back(std::move(reply.body));
  }
  if (replies.size() != bodies.size()) throw std::logic_error("replies are missing");
  return replies;
}

AccountId StoreVerbs::add(const std::string& name) {
  expect_done("add " + name, ask(control::AddUser{name, dummy_verifier()}));
  return id(name);
}

MessageId StoreVerbs::post(const std::string& author, const std::string& text) {
  const ReplyBody reply = ask(append(author, text));
  const auto* posted = std::get_if<store::Posted>(&reply);
  if (posted == nullptr) surprised("post by " + author, reply);
  return posted->id;
}

void StoreVerbs::follow(const std::string& follower, const std::string& target) {
  expect_done(follower + " follows " + target, ask(store::Follow{id(follower), target}));
}

void StoreVerbs::unfollow(const std::string& follower, const std::string& target) {
  expect_done(follower + " unfollows " + target, ask(store::Unfollow{id(follower), target}));
}

void StoreVerbs::remove(const std::string& name) {
  std::vector<store::Event> all;
  for (;;) {
    const ReplyBody reply = ask(control::DeleteUser{name});
    all.insert(all.end(), events_.begin(), events_.end());
    if (is_done(reply)) break;
    if (!std::holds_alternative<control::Progress>(reply)) surprised("remove " + name, reply);
  }
  events_ = std::move(all);
}

store::SessionOpened StoreVerbs::open_session(const std::string& name, Token token) {
  const ReplyBody reply = ask(store::OpenSession{session(name, token), {}});
  const auto* opened = std::get_if<store::SessionOpened>(&reply);
  if (opened == nullptr) surprised("a session of " + name, reply);
  return *opened;
}

store::SessionOpened StoreVerbs::open_sealed(const std::string& name, std::uint8_t device) {
  const ReplyBody reply = ask(sealed_login(name, device, store::DeviceLogin::Proof::kPassword));
  const auto* opened = std::get_if<store::SessionOpened>(&reply);
  if (opened == nullptr) surprised("a sealed session of " + name, reply);
  return *opened;
}

AccountId StoreVerbs::id(std::string_view name) {
  const auto account = reader_->account(name);
  if (!account || !*account) throw std::logic_error("no account " + std::string(name));
  return (*account)->id;
}

store::AppendPost StoreVerbs::append(const std::string& author, const std::string& text) {
  return {id(author), author, text};
}

store::StoredSession StoreVerbs::session(const std::string& name, Token token) {
  store::StoredSession session;
  session.account = id(name);
  session.name = name;
  session.token = token;
  session.remote = {IpAddress{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}}, 40'000, 3};
  session.local = {IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}}, 32'000, 0};
  session.magic = {'a', '~'};
  session.online_since = now_;
  return session;
}

store::OpenSession StoreVerbs::sealed_login(const std::string& name, std::uint8_t device,
                                            store::DeviceLogin::Proof proof) {
  store::OpenSession login{session(name, 0), {}};
  login.session.framing = Framing::kSealed;
  login.session.token = device;
  login.session.magic = {};
  login.device = store::DeviceLogin{dummy_device(device), dummy_resume_key(device), proof};
  return login;
}

std::vector<std::string> StoreVerbs::feed(const std::string& name, std::uint32_t n,
                                          MessageId before) {
  const auto posts = reader_->retrieve(id(name), n, before);
  if (!posts) throw std::logic_error(posts.error().message);
  std::vector<std::string> out;
  for (const store::Post& post : *posts) out.push_back(format_post(post.author_name, post.text));
  return out;
}

std::optional<control::Refusal> refusal_in(const StoreVerbs::ReplyBody& reply) {
  const auto* refused = std::get_if<control::Refused>(&reply);
  if (refused == nullptr) return std::nullopt;
  return refused->why;
}

bool is_done(const StoreVerbs::ReplyBody& reply) {
  return std::holds_alternative<control::Done>(reply);
}

std::optional<store::Repeated::Outcome> repeated_in(const StoreVerbs::ReplyBody& reply) {
  const auto* repeated = std::get_if<store::Repeated>(&reply);
  if (repeated == nullptr) return std::nullopt;
  return repeated->outcome;
}

std::vector<AccountId> accounts_of(const std::vector<store::Followee>& followees) {
  std::vector<AccountId> out;
  for (const store::Followee& followee : followees) out.push_back(followee.account);
  return out;
}

}  // namespace hub::test
