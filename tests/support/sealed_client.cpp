#include "tests/support/sealed_client.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "client/core/overloaded.hpp"

namespace hub::test {

namespace {

client::SessionConfig session_config(const SealedClientOptions& options) {
  client::SessionConfig config;
  config.framing = Framing::kSealed;
  config.queues = options.queues;
  config.needs_login = options.needs_login;
  return config;
}

client::LinkConfig link_config(const SealedClientOptions& options) {
  client::LinkConfig config;
  config.login.allow_weak_kdf = options.allow_weak_kdf;
  config.patience = options.patience;
  return config;
}

client::FirstContact contact(const client::KnownHubs& known, const SealedClientOptions& options) {
  client::ContactOptions how;
  how.accept_new = options.accept_new;
  how.file = "known_hubs";
  return client::FirstContact(kSimHubName, known, options.hub_key, how);
}

}  // namespace

SealedClient::SealedClient(SimNet& net, const Endpoint& at, const Endpoint& hub,
                           const SealedClientOptions& options)
    : net_(net),
      at_(at),
      hub_(hub),
      random_(net.seed() * 1000003 + options.seed + at.port),
      known_(options.known),
      disk_(options.disk != nullptr ? options.disk : std::make_shared<ClientDisk>()),
      session_(session_config(options)),
      link_(link_config(options), contact(known_, options), random_) {
  disk_->begin();
  attach();
}

SealedClient::~SealedClient() { net_.detach(at_); }

void SealedClient::attach() {
  net_.attach(at_, [this](const Endpoint& from, const Endpoint&, Bytes bytes) {
    if (from != hub_) return;  // as a connected socket does
    if (on_receive) on_receive(bytes);
    link_.on_datagram(bytes, net_.now().mono);
    turn();
  });
}

void SealedClient::die() {
  dead_ = true;
  net_.detach(at_);
}

void SealedClient::rebind(const Endpoint& at) {
  net_.detach(at_);
  at_ = at;
  attach();
}

void SealedClient::move(const Endpoint& at, const std::optional<Endpoint>& hub) {
  if (hub) hub_ = *hub;
  rebind(at);
  link_.on_path_changed(net_.now().mono);
  turn();
}

void SealedClient::type(const std::string& line) {
  if (dead_) return;
  session_.on_line(line, net_.now().mono);
  turn();
}

void SealedClient::stop() {
  session_.on_stop(net_.now().mono);
  turn();
}

void SealedClient::end_input() {
  session_.on_input_end(net_.now().mono);
  turn();
}

std::size_t SealedClient::count(const std::string& line) const {
  return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), line));
}

void SealedClient::turn() {
  while (!dead_ && (!session_.outputs().empty() || !link_.outputs().empty())) {
    turn_session();
    turn_link();
  }
  if (dead_) return;
  auto next = session_.next_timeout();
  const auto other = link_.next_timeout();
  if (other && (!next || *other < *next)) next = other;
  arm(next);
  if (on_turn) on_turn();
}

void SealedClient::turn_session() {
  for (auto& output : std::exchange(session_.outputs(), {})) {
    if (on_output) on_output();
    if (dead_) return;
    if (const auto* send = std::get_if<client::Send>(&output)) {
      if (on_request) on_request(send->message);
      link_.send(send->message, net_.now().mono);
    } else if (const auto* print = std::get_if<client::Print>(&output)) {
      if (on_print) on_print(print->record);
      if (!print->record.line.empty()) lines_.push_back(print->record.line);
      if (print->record.line.empty()) notes_.push_back(print->record.note);
    } else if (const auto* exit = std::get_if<client::Exit>(&output)) {
      exit_code_ = exit->code;
      link_.leave(net_.now().mono);
    }
  }
}

void SealedClient::turn_link() {
  for (auto& output : std::exchange(link_.outputs(), {})) {
    if (on_output) on_output();
    if (dead_) return;
    if (on_link_output) on_link_output(output);
    carry_out(output);
  }
}

void SealedClient::carry_out(const client::LinkOutput& output) {
  const TimePoint now = net_.now().mono;
  std::visit(
      client::Overloaded{
          [&](const client::SendDatagram& datagram) {
            if (on_send) on_send(datagram.bytes);
            net_.send(at_, hub_, datagram.bytes);
          },
          [&](const client::Deliver& delivered) { session_.on_message(delivered.message, now); },
          [&](const client::Lost&) { session_.on_lost(now); },
          [&](const client::OpenDevice&) { link_.on_device(disk_->files, now); },
          [&](const client::Keep& keep) {
            const bool kept = disk_->keep(keep.what);
            const auto* line = std::get_if<client::AppendOutbox>(&keep.what);
            if (line != nullptr && line->sync) link_.on_kept(kept, now);
          },
          [&](const client::Away&) { session_.on_away(now); },
          [&](const client::Back&) { session_.on_back(now); },
          [&](const client::GaveUp& gave_up) { session_.on_gave_up(gave_up, now); },
          [&](const client::NeedPassword&) { session_.on_password_needed(now); },
          [&](const client::Settled& settled) { session_.on_settled(settled, now); },
          [&](const client::NotSent& not_sent) { session_.on_not_sent(not_sent, now); },
          [&](const client::NextAddress&) {},
          [&](const client::StretchPassword& wanted) { stretch(wanted.job); },
          [&](const client::AskAboutKey&) {},
          [&](const client::Distrust& distrust) {
            lines_.push_back("error#" + distrust.word);
            exit_code_ = distrust.code;
          },
          [&](const client::HubProved& proved) { remember(proved); },
          [&](const client::LinkNote& note) { notes_.push_back(note.text); },
      },
      output);
}

void SealedClient::stretch(const client::LoginExchange::Stretch& wanted) {
  net_.after(stretching, [this, job = wanted, alive = std::weak_ptr(alive_)] {
    if (alive.expired() || dead_) return;
    link_.on_stretched(job.ticket, stretch_password(job.password, job.salt, job.kdf),
                       net_.now().mono);
    turn();
  });
}

void SealedClient::remember(const client::HubProved& proved) {
  const auto& used = link_.contact().in_use();
  const auto noted = link_.contact().on_proof(known_);
  if (noted && proved.next_key) {
    static_cast<void>(known_.record_next(kSimHubName, *used, *proved.next_key));
  }
}

void SealedClient::arm(std::optional<TimePoint> next) {
  if (!next || (armed_ && *armed_ <= *next && *armed_ >= net_.now().mono)) return;
  armed_ = next;
  net_.at(std::max(*next, net_.now().mono), [this, when = *next, alive = std::weak_ptr(alive_)] {
    if (alive.expired() || dead_ || armed_ != when) return;
    armed_.reset();
    session_.on_timeout(net_.now().mono);
    link_.on_timeout(net_.now().mono);
    turn();
  });
}

}  // namespace hub::test
