#include "tests/sim/whole_person.hpp"

#include <algorithm>
#include <utility>

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

std::string line_of(const client::Message& request) {
  switch (request.opcode) {
    case Opcode::kPost:
      return "post#" + request.payload;
    case Opcode::kSubscribe:
      return "subscribe#" + request.payload;
    case Opcode::kUnsubscribe:
      return "unsubscribe#" + request.payload;
    case Opcode::kRetrieve:
      return "retrieve#" + request.payload;
    case Opcode::kLogin:
      return "login#";
    case Opcode::kLogout:
      return "logout#";
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
      next_port_(static_cast<std::uint16_t>(5000 + 1000 * traits_.number)) {
  start();
  look_after();
}

Person::~Person() = default;

Endpoint Person::new_address() {
  return {IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(10 + traits_.number)), next_port_++,
          0};
}

void Person::start() {
  if (client_) return;
  dead_.clear();
  SealedClientOptions options;
  options.hub_key = traits_.hub_key;
  options.seed = traits_.seed * 1000 + static_cast<std::uint64_t>(life_);
  client_ = std::make_unique<SealedClient>(net_, new_address(), traits_.hub, options);
  client_->on_print = [this](const client::Record& record) { on_print(record); };
  client_->on_request = [this](const client::Message& request) {
    const std::string line = line_of(request);
    if (!line.empty()) asked_ = line;
  };
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
  ++life_;
  if (std::exchange(was_online_, false)) log_.add(What::kOffline, traits_.number);
  log_.add(how, traits_.number);
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
  // Where it is now: who moves gets around it.
  const Endpoint at = client_->endpoint();
  log_.add(What::kDisturbed, traits_.number, "cut");
  net_.cut(at, true);
  net_.after(span, [this, at] {
    log_.add(What::kDisturbed, traits_.number, "mended");
    net_.cut(at, false);
  });
}

void Person::calm() {
  calm_ = true;
  logged_out_until_.reset();
  if (client_) net_.cut(client_->endpoint(), false);
}

/// Now and then the person looks whether the program is still logged in.
void Person::look_after() {
  const bool wants = !logged_out_until_ || net_.now().mono >= *logged_out_until_;
  if (client_ && wants && client_->idle() && client_->state() == client::State::kOffline) {
    logged_out_until_.reset();
    const auto all = passwords_(traits_.account);
    type("login#" + traits_.account + "&" + all[tries_++ % all.size()]);
  }
  net_.after(1500ms + std::chrono::milliseconds(100 * traits_.number), [this] { look_after(); });
}

void Person::on_print(const client::Record& record) {
  const auto add = [&](What what) { log_.add(what, traits_.number, record.line, asked_); };
  switch (record.kind) {
    case client::RecordKind::kAck:
      if (record.line == "login_ack#successful") tries_ = 0;
      return add(What::kAck);
    case client::RecordKind::kRefusal:
    case client::RecordKind::kError:
      return add(What::kFailed);
    case client::RecordKind::kForward:
      return log_.add(What::kShown, traits_.number, record.line);
    case client::RecordKind::kRetrieved:
      return log_.add(What::kRetrieved, traits_.number, record.line, asked_);
    default:
      if (!record.line.empty()) log_.add(What::kPrinted, traits_.number, record.line);
  }
}

void Person::note_line() {
  const bool online = client_ && client_->link().is_online();
  if (online == was_online_) return;
  was_online_ = online;
  log_.add(online ? What::kOnline : What::kOffline, traits_.number);
}

bool Person::is_well() const {
  return client_ && client_->link().is_online() && client_->idle() &&
         client_->state() == client::State::kOnline;
}

std::string Person::trouble() const {
  if (!client_) return "does not run";
  if (!client_->link().is_online()) return "is not online";
  if (!client_->idle()) return "waits for an answer";
  if (client_->state() != client::State::kOnline) return "is not logged in";
  return {};
}

}  // namespace hub::test
