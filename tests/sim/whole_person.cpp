#include "tests/sim/whole_person.hpp"

#include <algorithm>
#include <utility>

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

std::string line_of(Opcode opcode, const std::string& payload) {
  switch (opcode) {
    case Opcode::kPost:
      return "post#" + payload;
    case Opcode::kSubscribe:
      return "subscribe#" + payload;
    case Opcode::kUnsubscribe:
      return "unsubscribe#" + payload;
    case Opcode::kRetrieve:
      return "retrieve#" + payload;
    case Opcode::kLogin:
      return "login#";
    case Opcode::kLogout:
      return "logout#";
    default:
      return {};
  }
}

/// What is printed of it.
std::string line_of(const client::Message& reply) {
  switch (reply.opcode) {
    case Opcode::kPostAck:
      return "post_ack#successful";
    case Opcode::kSubscribeOk:
      return "subscribe_ack#successful";
    case Opcode::kSubscribeFailed:
      return "subscribe_ack#failed";
    case Opcode::kUnsubscribeOk:
      return "unsubscribe_ack#successful";
    case Opcode::kUnsubscribeFailed:
      return "unsubscribe_ack#failed";
    case Opcode::kRefused: {
      const auto refusal = sealed::read_refusal(reply.payload);
      return "error#" + std::string(refusal ? refusal->word : "refused");
    }
    default:
      return {};
  }
}

}  // namespace

Person::Person(SimNet& net, Log& log, PersonTraits traits, Passwords passwords)
    : net_(net),
      log_(log),
      traits_(std::move(traits)),
      passwords_(std::move(passwords)),
      random_(traits_.seed * 64 + static_cast<std::uint64_t>(traits_.number)),
      next_port_(static_cast<std::uint16_t>(5000 + 1000 * traits_.number)) {
  start();
  look_after();
}

Person::~Person() = default;

Endpoint Person::new_address() {
  const Endpoint at{IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(10 + traits_.number)),
                    next_port_++, 0};
  if (cut_until_ && net_.now().mono < *cut_until_) cut_off(at);
  return at;
}

void Person::cut_off(const Endpoint& at) {
  net_.cut(at, true);
  net_.at(*cut_until_, [this, at] {
    if (!cut_until_ || net_.now().mono >= *cut_until_) net_.cut(at, false);
  });
}

void Person::start() {
  if (client_) return;
  dead_.clear();
  SealedClientOptions options;
  options.hub_key = traits_.hub_key;
  options.seed = traits_.seed * 1000 + static_cast<std::uint64_t>(life_);
  options.queues = traits_.queues;
  options.disk = disk_;
  client_ = std::make_unique<SealedClient>(net_, new_address(), traits_.hub, options);
  client_->on_print = [this](const client::Record& record) { on_print(record); };
  client_->on_request = [this](const client::Message& request) { on_request(request); };
  client_->on_link_output = [this](const client::LinkOutput& output) { on_link(output); };
  client_->on_turn = [this] { note_line(); };
  client_->on_output = [this] {
    if (!outputs_left_ || (*outputs_left_)-- > 0) return;
    outputs_left_.reset();
    leave(ending_);
  };
  log_.add(What::kUp, traits_.number);
}

/// The program is gone: at once, but what is left of it is buried later, since it may be the one
/// that called.
void Person::stop(What how, Duration down) {
  if (!client_) return;
  client_->die();
  dead_.push_back(std::move(client_));
  outputs_left_.reset();
  asked_.clear();
  tagged_.clear();
  expected_.clear();
  answering_.clear();
  ++life_;
  if (std::exchange(was_online_, false)) log_.add(What::kOffline, traits_.number);
  log_.add(how, traits_.number);
  if (how == What::kPowerCut) disk_->cut_power(random_);
  if (how == What::kRewound) {
    const bool is_full = disk_->is_full;
    *disk_ = earlier_[random_.u64() % earlier_.size()];
    disk_->is_full = is_full;
  }
  net_.after(calm_ ? std::min<Duration>(down, 1s) : down, [this] { start(); });
}

void Person::leave(const Action& action) {
  switch (action.deed) {
    case Deed::kLeave:
      return stop(What::kLeft, action.lasts);
    case Deed::kCutClient:
      return stop(What::kPowerCut, action.lasts);
    case Deed::kRewind:
      return stop(What::kRewound, action.lasts);
    default:
      return stop(What::kKilled, action.lasts);
  }
}

void Person::crash(const Action& action) {
  if (!client_) return;
  if (action.count == 0) return leave(action);
  outputs_left_ = action.count;
  ending_ = action;
  net_.after(2s, [this, life = life_, action] {
    if (life == life_) leave(action);
  });
}

void Person::type(const std::string& line) {
  if (!client_) return;
  log_.add(What::kTyped, traits_.number, line);
  client_->type(line);
}

void Person::log_out(Duration span) {
  if (!client_) return;
  logged_out_until_ = net_.now().mono + span;
  type("logout#");
}

void Person::rebind() {
  if (!client_) return;
  log_.add(What::kDisturbed, traits_.number, "rebind");
  client_->rebind(new_address());
}

void Person::move() {
  if (!client_) return;
  log_.add(What::kDisturbed, traits_.number, "move");
  client_->move(new_address());
}

void Person::cut(Duration span) {
  if (!client_ || calm_) return;
  log_.add(What::kDisturbed, traits_.number, "cut");
  cut_until_ = std::max(cut_until_.value_or(net_.now().mono), net_.now().mono + span);
  cut_off(client_->endpoint());
  net_.at(*cut_until_, [this] { log_.add(What::kDisturbed, traits_.number, "mended"); });
}

void Person::fill_disk(Duration span) {
  if (calm_) return;
  log_.add(What::kFull, traits_.number);
  disk_->is_full = true;
  net_.after(span, [this] { disk_->is_full = false; });
}

void Person::calm() {
  disk_->is_full = false;
  calm_ = true;
  logged_out_until_.reset();
  cut_until_.reset();
  if (client_) net_.cut(client_->endpoint(), false);
}

/// Now and then the person looks whether the program is still logged in.
void Person::look_after() {
  earlier_.push_back(*disk_);
  const bool wants = !logged_out_until_ || net_.now().mono >= *logged_out_until_;
  if (client_ && wants && client_->idle() && client_->state() == client::State::kOffline) {
    logged_out_until_.reset();
    const auto all = passwords_(traits_.account);
    // A device may need no password.
    const std::size_t which = tries_++ % (all.size() + 1);
    const std::string login = "login#" + traits_.account;
    type(which == 0 && life_ > 0 ? login
                                 : login + "&" + all[(which + all.size() - 1) % all.size()]);
  }
  net_.after(1500ms + std::chrono::milliseconds(100 * traits_.number), [this] { look_after(); });
}

void Person::on_request(const client::Message& request) {
  const std::string line = line_of(request.opcode, request.payload);
  if (line.empty()) return;
  asked_ = line;
  if (request.id != 0) tagged_[request.id] = {line, log_.now()};
}

/// What comes of what was asked is printed by the session, in the order in which it is told; only
/// the link says what it was asked by.
void Person::on_link(const client::LinkOutput& output) {
  if (const auto* delivered = std::get_if<client::Deliver>(&output)) {
    const client::Message& message = delivered->message;
    const auto tagged = tagged_.find(message.id);
    const std::string line = line_of(message);
    if (message.opcode != Opcode::kForward && message.opcode != Opcode::kRetrieveAck) {
      log_.add(What::kNoted, traits_.number, "hub: " + std::string(name_of(message.opcode)));
    }
    if (tagged != tagged_.end() && !line.empty()) {
      expect(line, line, tagged->second.line, tagged->second.at);
    } else if (const auto earlier = sealed::read_earlier_posts(message.payload);
               message.opcode == Opcode::kEarlierPosts && earlier) {
      log_.add(What::kEarlier, traits_.number, std::to_string(earlier->count));
    }
  } else if (const auto* settled = std::get_if<client::Settled>(&output)) {
    const std::string line = line_of(settled->reply);
    const bool good = line.find("#successful") != std::string::npos;
    const bool failed = line.find("#failed") != std::string::npos;
    const std::string printed = good ? "" : failed ? "error#failed" : line;
    expect(printed, line, line_of(settled->request.opcode, settled->request.payload),
           asked_earlier());
  } else if (const auto* not_sent = std::get_if<client::NotSent>(&output)) {
    answering_.clear();
    expect("error#not_sent", "error#not_sent",
           line_of(not_sent->request.opcode, not_sent->request.payload));
  } else if (const auto* keep = std::get_if<client::Keep>(&output)) {
    on_keep(keep->what);
  } else if (const auto* note = std::get_if<client::LinkNote>(&output)) {
    log_.add(What::kNoted, traits_.number, note->text);
  } else if (std::holds_alternative<client::NextAddress>(output)) {
    // From a new port, and out of the client's own course.
    net_.after(Duration::zero(), [this, life = life_] {
      if (life != life_ || !client_) return;
      log_.add(What::kDisturbed, traits_.number, "next address");
      client_->move(new_address());
    });
  }
}

/// A request is kept before it is sent, and an answer before anybody hears of it: under the number
/// of its request.
void Person::on_keep(const client::KeepOutput& kept) {
  const auto* line = std::get_if<client::AppendOutbox>(&kept);
  if (line == nullptr || !disk_->files.device) return;
  const std::string& text = line->line;
  const std::string_view word = std::string_view(text).substr(0, text.find(' '));
  const std::size_t number = word.size() + 1;
  const std::string& device = *disk_->files.device;
  const std::string key = device.substr(0, device.find('\n', device.find("id "))) + " " +
                          text.substr(number, text.find(' ', number) - number);
  if (word == "done" || word == "refused") answering_ = key;
  if (word == "ask" || word == "hold") asked_at_[key] = log_.now();
}

std::optional<Duration> Person::asked_earlier() const {
  const auto asked = asked_at_.find(answering_);
  if (asked == asked_at_.end()) return std::nullopt;
  return asked->second;
}

void Person::expect(const std::string& printed, const std::string& answer, const std::string& about,
                    std::optional<Duration> asked) {
  const bool again = !answering_.empty() && !answered_.insert(answering_).second;
  answering_.clear();
  expected_.push_back({printed, answer, about, asked, again});
}

void Person::on_print(const client::Record& record) {
  if (record.kind == client::RecordKind::kForward) {
    log_.add(What::kShown, traits_.number, record.line);
    return;
  }
  if (record.kind == client::RecordKind::kRetrieved) {
    log_.add(What::kRetrieved, traits_.number, record.line, asked_);
    return;
  }
  const bool is_settled = record.line.empty() && record.note.compare(0, 9, "sent now:") == 0;
  if (!expected_.empty() && (is_settled || !record.line.empty()) &&
      record.line == expected_.front().printed) {
    const Expected answer = expected_.front();
    expected_.pop_front();
    const bool good = answer.answer.find("#successful") != std::string::npos;
    Sight& sight =
        log_.add(good ? What::kAck : What::kFailed, traits_.number, answer.answer, answer.about);
    sight.again = answer.again;
    sight.asked = answer.asked;
    return;
  }
  if (record.line == "login_ack#successful") tries_ = 0;
  log_.add(record.line.empty() ? What::kNoted : What::kPrinted, traits_.number,
           record.line.empty() ? record.note : record.line);
}

void Person::note_line() {
  const bool online = client_ && client_->link().is_online();
  if (online == was_online_) return;
  was_online_ = online;
  log_.add(online ? What::kOnline : What::kOffline, traits_.number);
}

bool Person::is_well() const { return trouble().empty(); }

std::string Person::trouble() const {
  if (!client_) return "does not run";
  if (!client_->link().is_online()) return "is not online";
  if (!client_->idle()) return "waits for an answer";
  if (!expected_.empty()) return "did not say " + expected_.front().answer;
  if (client_->state() != client::State::kOnline) return "is not logged in";
  return {};
}

}  // namespace hub::test
