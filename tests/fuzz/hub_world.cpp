#include "tests/fuzz/hub_world.hpp"

#include "protocol/limits.hpp"
#include "protocol/sealed/handshake.hpp"
#include "server/core/recent_posts.hpp"
#include "tests/support/store_verbs.hpp"

namespace hub::fuzz {

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 3> kNames = {"Ann", "bob", "cy"};
constexpr std::string_view kPassword = "pw";

constexpr std::array<std::string_view, 18> kPayloads = {"",
                                                        "Ann&pw",
                                                        "ann&pw",
                                                        "bob&pw",
                                                        "bob&wrong",
                                                        "cy&pw",
                                                        "nobody&x",
                                                        "&",
                                                        "Ann",
                                                        "bob",
                                                        "cy",
                                                        "nobody",
                                                        "3",
                                                        "999",
                                                        "-1",
                                                        "hello",
                                                        "a longer text that somebody posts",
                                                        "not a line\n\x07"};

constexpr std::array<std::uint8_t, 16> kOpcodes = {0x10, 0x10, 0x20, 0x21, 0x30, 0x30, 0x31, 0x40,
                                                   0x1F, 0x00, 0x7E, 0x7F, 0x80, 0xB1, 0xF0, 0x55};

}  // namespace

void HubWorld::CountingRandom::fill(std::span<std::uint8_t> out) {
  for (std::uint8_t& byte : out) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::uint8_t>(state_ >> 56);
  }
}

HubWorld::HubWorld(std::uint8_t mode) : reader_(store_.open_reader()) {
  now_.mono += 1h;
  now_.wall += 24h * 365 * 50;
  config_.debug_messages = (mode & 1) != 0;
  if ((mode & 2) != 0) {  // everything tight
    config_.max_sessions = 2;
    config_.max_unacknowledged = 2;
    config_.max_pending_forwards = 1;
    config_.posts_per_second = 2;
    config_.max_pending_writes = 4;
    config_.max_pending_checks = 1;
    config_.max_pending_reads = 1;
  }
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto port = static_cast<std::uint16_t>(40000 + i);
    peers_[i].path.local = {IpAddress::v4(127, 0, 0, 1), kDefaultPort, 0};
    peers_[i].path.remote = {IpAddress::v4(127, 0, 0, 1), port, 0};
    peers_[i].magic = {'p', static_cast<std::uint8_t>('0' + i)};
  }
  for (const std::string_view name : kNames) {
    const control::AddUser add{std::string(name), test::dummy_verifier()};
    test::apply(store_, {{0, add}}, now_.wall);
    accounts_[std::string(name)] = (*reader_->account(name))->id;
  }
  identity_.keys.accepted.push_back(generate_key_pair(random_));
  read_server_.emplace(store_.open_reader(), [this] { return identity_.keys; });
  hub_ = std::make_unique<server::Hub>(config_, identity_, random_, counters_);
  if ((mode & 4) == 0) return;
  for (std::size_t i = 0; i < kNames.size(); ++i) {  // all online, each following the others
    const auto ask = [&](Opcode opcode, const std::string& payload) {
      classic::Header header{.magic = peers_[i].magic, .opcode = opcode, .token = peers_[i].token};
      std::vector<std::uint8_t> bytes;
      classic::encode(header, payload, bytes);
      send(peers_[i], bytes);
      deliver_all();
    };
    ask(Opcode::kLogin, std::string(kNames[i]) + "&" + std::string(kPassword));
    for (const std::string_view other : kNames) ask(Opcode::kSubscribe, std::string(other));
  }
}

void HubWorld::step(Input& input) {
  switch (input.below(16)) {
    default:
      send_structured(input);
      break;
    case 7:
      send_raw(input);
      break;
    case 8:
      deliver_check(input.u8() < 16);
      break;
    case 9:
      deliver_writes(input.below(8) + 1);
      break;
    case 10:
      deliver_retrieve();
      break;
    case 11:
      pass(std::chrono::milliseconds(input.u8()));
      break;
    case 12:
      if (input.u8() < 64) pass(config_.session_timeout / 2);
      break;
    case 13:
      store_.fail_next_commit(control::Refusal::kDiskFull);
      break;
    case 14:
      if (input.u8() < 64) restart();
      break;
    case 15:
      administer(input);
      break;
  }
}

void HubWorld::send_structured(Input& input) {
  Peer& peer = peers_[input.below(peers_.size())];
  classic::Header header;
  header.magic = peer.magic;
  header.opcode = static_cast<Opcode>(kOpcodes[input.below(kOpcodes.size())]);
  const std::uint8_t how = input.u8();
  switch (how & 3) {
    case 0:
      header.token = 0;
      break;
    case 1:
      header.token = peers_[input.below(peers_.size())].token;
      break;
    default:
      header.token = peer.token;
      break;
  }
  switch (how >> 2 & 3) {
    case 0:
      header.msg_id = peer.last_forward;
      break;
    case 1:
      header.msg_id = input.u32();
      break;
    default:
      break;
  }
  const std::size_t payload = input.below(kPayloads.size() + 1);
  std::vector<std::uint8_t> bytes;
  classic::encode(header, payload < kPayloads.size() ? kPayloads[payload] : input.piece(), bytes);
  if ((how & 0x70) == 0x70) bytes[3] = input.u8();  // a length that is wrong
  send(peer, bytes);
}

void HubWorld::send_raw(Input& input) {
  Peer& peer = peers_[input.below(peers_.size())];
  const std::string_view raw = input.piece();
  send(peer, {raw.begin(), raw.end()});
}

void HubWorld::send(Peer& peer, const std::vector<std::uint8_t>& bytes) {
  peer.in += bytes.size();
  hub_->on_datagram(peer.path, bytes, now_);
  carry_out();
}

void HubWorld::deliver_check(bool fails) {
  if (checks_.empty()) return;
  const server::LoginCheck check = checks_.front();
  checks_.pop_front();
  server::LoginVerdict verdict;
  verdict.tag = check.tag;
  const auto account = *reader_->account(check.id);
  if (!fails) {
    const bool right = account && !account->disabled && check.password == kPassword;
    verdict.outcome =
        right ? server::LoginVerdict::Outcome::kRight : server::LoginVerdict::Outcome::kWrong;
    if (right) {
      verdict.account = account->id;
      verdict.name = account->name;
    }
  }
  hub_->on_verdict(verdict, now_);
  carry_out();
}

void HubWorld::deliver_writes(std::size_t count) {
  const std::size_t size = std::min(count, writes_.size());
  if (size == 0) return;
  const auto end = writes_.begin() + static_cast<std::ptrdiff_t>(size);
  std::vector<store::Request> batch(writes_.begin(), end);
  writes_.erase(writes_.begin(), end);
  for (const store::Output& output : store_.apply(batch, now_.wall)) {
    if (const auto* reply = std::get_if<store::Reply>(&output)) {
      note_reply(*reply);
    } else {
      note_event(std::get<store::Event>(output));
    }
    hub_->on_store_output(output, now_);
    carry_out();
  }
}

void HubWorld::deliver_retrieve() {
  if (retrieves_.empty()) return;
  const server::ReadJob job = retrieves_.front();
  retrieves_.pop_front();
  hub_->on_read(read_server_->perform(job), now_);
  carry_out();
}

void HubWorld::pass(Duration time) {
  now_.mono += time;
  now_.wall += std::chrono::duration_cast<std::chrono::microseconds>(time);
  hub_->on_timeout(now_);
  carry_out();
  const auto next = hub_->next_timeout();
  must(!next || *next > now_.mono, "a timeout that was served is over");
  hub_->on_timeout(now_);
  must(hub_->end_turn(now_).datagrams.empty() && hub_->end_turn(now_).writes.empty(),
       "a second look at the same time does nothing");
  carry_out();
}

void HubWorld::restart() {
  checks_.clear();
  writes_.clear();
  retrieves_.clear();
  members_.clear();
  store_.reopen();
  hub_ = std::make_unique<server::Hub>(config_, identity_, random_, counters_);
  std::vector<server::RestoredSession> restored;
  const auto stored = reader_->sessions({}, 100);
  for (const store::StoredSession& session : *stored) {
    restored.push_back({session, *reader_->followees(session.account)});
    if (session.framing != Framing::kClassic) continue;
    members_[static_cast<Token>(session.token)] = {
        .account = session.account, .name = session.name, .remote = session.remote};
  }
  const auto end = reader_->history_end(config_.recent_posts, server::RecentPosts::kMostBytes);
  hub_->restore({reader_->counts()->last_post, *end}, restored, now_);
  carry_out();
}

void HubWorld::administer(Input& input) {
  const std::string name(kNames[input.below(kNames.size())]);
  control::Command command = control::Stats{};
  switch (input.below(8)) {
    case 0:
      command = control::DisableUser{name};
      break;
    case 1:
      command = control::EnableUser{name};
      break;
    case 2:
      command = control::EndSession{name};
      break;
    case 3:
      command = control::SetPassword{name, test::dummy_verifier(1)};
      break;
    case 4:
      command = control::DeletePost{input.u8()};
      break;
    case 5:
      command = control::ListSessions{};
      break;
    default:
      break;
  }
  hub_->on_control(1, command, now_);
  carry_out();
}

bool HubWorld::deliver_all() {
  for (int i = 0; i < 10'000; ++i) {
    if (checks_.empty() && writes_.empty() && retrieves_.empty()) return true;
    deliver_check(false);
    deliver_writes(writes_.size());
    deliver_retrieve();
  }
  return false;
}

void HubWorld::finish() {
  must(deliver_all(), "what is asked for comes to an end");
  for (int i = 0; i < 1'000 && hub_->pending() > 0; ++i) {
    pass(kRetrievePause);
    deliver_all();
  }
  must(hub_->pending() == 0, "nothing is pending once all is delivered");
  pass(config_.session_timeout);
  must(deliver_all(), "timeouts come to an end");
  must(figure("sessions") == 0, "all that is silent times out");
  must(figure("follows_of_online_accounts") == 0, "whoever is offline leaves the follow index");
  must(!hub_->next_timeout(), "nothing is left to wait for");
}

std::optional<std::int64_t> HubWorld::figure(std::string_view name) {
  answer_.reset();
  hub_->on_control(2, control::Stats{}, now_);
  carry_out();
  if (!answer_) return std::nullopt;
  for (const auto& [key, value] : std::get<control::Figures>(*answer_).numbers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

void HubWorld::carry_out() {
  server::Outbox& out = hub_->end_turn(now_);
  for (const auto& entry : out.datagrams.entries()) watch(entry, out.datagrams.bytes_of(entry));
  checks_.insert(checks_.end(), out.checks.begin(), out.checks.end());
  writes_.insert(writes_.end(), out.writes.begin(), out.writes.end());
  retrieves_.insert(retrieves_.end(), out.reads.begin(), out.reads.end());
  for (const server::ControlAnswer& answer : out.answers) answer_ = answer.reply;
  for (const server::LogLine& line : out.log)
    must(is_harmless(line.text), "a log line is harmless");
  must(checks_.size() <= config_.max_pending_checks, "logins under way are bounded");
  must(retrieves_.size() <= config_.max_pending_reads, "retrieves under way are bounded");
  out.clear();
}

void HubWorld::watch(const server::DatagramQueue::Entry& entry, Bytes bytes) {
  const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& each) {
    return each.path.remote == entry.path.remote;
  });
  must(peer != peers_.end() && peer->in > 0, "nobody is sent anything unasked");
  peer->out += bytes.size();
  if (sealed::is_sealed(bytes.front())) {
    must(peer->proven || peer->out <= peer->in, "who has proved nothing gets no more than it sent");
    return;
  }
  const auto decoded = classic::decode(bytes);
  must(decoded.has_value(), "what is sent can be read");
  must(is_from_server(decoded->header.opcode) || decoded->header.opcode == Opcode::kSessionReset,
       "a hub sends a hub's messages");
  if (decoded->header.opcode == Opcode::kLoginOk) {
    peer->proven = true;
    peer->token = decoded->header.token;
  }
  if (decoded->header.opcode == Opcode::kForward) peer->last_forward = decoded->header.msg_id;
  must(peer->proven || peer->out <= peer->in, "who has proved nothing gets no more than it sent");
  watch_session(*decoded, entry.path.remote);
}

void HubWorld::watch_session(const classic::Datagram& datagram, const Endpoint& to) {
  const Opcode opcode = datagram.header.opcode;
  if (opcode == Opcode::kMustLoginFirst || opcode == Opcode::kLoginFailed) return;
  const auto found = members_.find(datagram.header.token);
  must(found != members_.end(), "a message of a session that was opened");
  Member& member = found->second;
  must(member.remote == to, "a session's messages go to its address");
  must(!member.over, "nothing comes in a session that is over");
  switch (opcode) {
    case Opcode::kLogoutAck:
    case Opcode::kSessionReset:
      member.over = true;
      break;
    case Opcode::kPostAck:
      must(++acknowledged_ <= committed_, "a post ack is for a commit");
      break;
    case Opcode::kRetrieveAck:
      member.retrieving = true;
      break;
    case Opcode::kRetrieveEnd:
      member.retrieving = false;
      break;
    case Opcode::kForward:
      watch_forward(member, datagram);
      break;
    default:
      break;
  }
}

void HubWorld::watch_forward(const Member& member, const classic::Datagram& datagram) {
  must(!member.retrieving, "no forward inside a retrieve run");
  const std::string_view text = classic::payload_text(datagram);
  const std::size_t end = text.find('>');
  must(text.starts_with('<') && end != std::string_view::npos, "a forward names its author");
  const auto author = accounts_.find(std::string(text.substr(1, end - 1)));
  must(author != accounts_.end(), "a forward's author exists");
  const auto& followers = followers_at_commit_[datagram.header.msg_id];
  must(followers.count({member.account, author->second}) > 0, "a forward goes to a follower");
}

void HubWorld::note_reply(const store::Reply& reply) {
  if (std::holds_alternative<store::Posted>(reply.body)) ++committed_;
  const auto* opened = std::get_if<store::SessionOpened>(&reply.body);
  if (opened == nullptr) return;
  members_[static_cast<Token>(opened->session.token)] = {.account = opened->session.account,
                                                         .name = opened->session.name,
                                                         .remote = opened->session.remote};
}

void HubWorld::note_event(const store::Event& event) {
  if (const auto* added = std::get_if<store::FollowAdded>(&event)) {
    follows_.insert({added->follower, added->followee});
  } else if (const auto* removed = std::get_if<store::FollowRemoved>(&event)) {
    follows_.erase({removed->follower, removed->followee});
  } else if (const auto* committed = std::get_if<store::PostCommitted>(&event)) {
    followers_at_commit_[static_cast<std::uint32_t>(committed->post.id)] = follows_;
  }
}

}  // namespace hub::fuzz
