#include "client/net/sealed_driver.hpp"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "client/core/overloaded.hpp"
#include "client/net/files.hpp"
#include "protocol/failpoint.hpp"

namespace hub::client {

namespace {

/// Where nobody is there to wait, a hub that does not answer for so long is given up.
constexpr std::chrono::seconds kPatience{15};

FirstContact make_contact(const Options& options, bool can_ask, const KnownHubsFile& file) {
  ContactOptions how;
  how.can_ask = can_ask;
  how.accept_new = options.accept_new;
  how.file = file.path().native();
  const auto known = file.load();
  if (!known) throw std::runtime_error(known.error());
  for (const KnownHubs::Problem& problem : known->problems()) {
    fmt::print(stderr, "spoke: {}:{}: {}\n", how.file, problem.line, problem.message);
  }
  return FirstContact(options.hub, *known, options.invited, how);
}

LinkConfig link_config(const Options& options, bool can_ask) {
  LinkConfig config;
  config.login.allow_weak_kdf = options.accept_weak_kdf;
  config.liveness = {options.keep_alive, options.silence};
  if (!can_ask) config.patience = kPatience;
  return config;
}

}  // namespace

SealedDriver::SealedDriver(const Options& options, bool can_ask, Link& link, Session& session,
                           Events events)
    : hub_(options.hub),
      link_(link),
      session_(session),
      events_(std::move(events)),
      file_(state_directory()),
      device_files_(state_directory()),
      sealed_(link_config(options, can_ask), make_contact(options, can_ask, file_), random_) {}

void SealedDriver::carry_out() {
  while (!sealed_.outputs().empty()) {
    for (const LinkOutput& output : std::exchange(sealed_.outputs(), {})) carry_out(output);
  }
}

void SealedDriver::carry_out(const LinkOutput& output) {
  const TimePoint now = events_.now();
  std::visit(
      Overloaded{
          [&](const SendDatagram& datagram) { events_.send(datagram.bytes); },
          [&](const Deliver& delivered) { session_.on_message(delivered.message, now); },
          [&](const Lost&) { session_.on_lost(now); },
          [&](const OpenDevice& device) { sealed_.on_device(device_files_.open(device), now); },
          [&](const Keep& what) { keep(what); },
          [&](const Away&) { session_.on_away(now); },
          [&](const Back&) { session_.on_back(now); },
          [&](const GaveUp& gave_up) { session_.on_gave_up(gave_up, now); },
          [&](const NeedPassword&) { session_.on_password_needed(now); },
          [&](const Settled& settled) { session_.on_settled(settled, now); },
          [&](const NotSent& not_sent) { session_.on_not_sent(not_sent, now); },
          [&](const NextAddress&) { next_address(); },
          [&](const StretchPassword& wanted) { stretch(wanted); },
          [&](const AskAboutKey& asked) { events_.ask(asked.text); },
          [&](const Distrust& why) { events_.distrust(why.code, why.word, why.text); },
          [&](const HubProved& proved) { remember(proved); },
          [&](const LinkNote& note) { events_.note(note.text); },
      },
      output);
}

/// What fails is said once, until something succeeds again.
void SealedDriver::keep(const Keep& output) {
  const bool is_mark = std::holds_alternative<KeepMark>(output.what);
  if (is_mark) failpoint("post_printed");
  const auto kept = device_files_.keep(output.what);
  if (is_mark) failpoint("mark_recorded");
  if (!kept && std::exchange(keeps_, false)) {
    fmt::print(stderr, "spoke: this device's files cannot be kept: {}\n", kept.error());
  }
  if (kept) keeps_ = true;
  const auto* line = std::get_if<AppendOutbox>(&output.what);
  if (line != nullptr) failpoint(line->sync ? "outbox_appended" : "answer_recorded");
  if (line != nullptr && line->sync) sealed_.on_kept(kept.has_value(), events_.now());
}

void SealedDriver::stretch(const StretchPassword& wanted) {
  background_.post([this, job = wanted.job]() -> Background::Then {
    const auto salted = stretch_password(job.password, job.salt, job.kdf);
    return [this, ticket = job.ticket, salted] {
      sealed_.on_stretched(ticket, salted, events_.now());
    };
  });
}

/// A new port at the next address; once round, the name is asked again.
void SealedDriver::next_address() {
  link_.next_address();
  sealed_.on_path_changed(events_.now());
  if (!link_.has_gone_round() || std::exchange(resolving_, true)) return;
  background_.post([this, hub = hub_]() -> Background::Then {
    asio::error_code error;
    auto found = Link::resolve(hub, error);
    return [this, found = std::move(found)] {
      resolving_ = false;
      link_.set_addresses(found);
    };
  });
}

void SealedDriver::on_addresses_changed() {
  if (link_.reconnect_if_moved()) sealed_.on_path_changed(events_.now());
}

/// The device's files are found by the hub's key: they follow before known_hubs forgets the old
/// one.
bool SealedDriver::follow_key() {
  const auto& key = sealed_.contact().in_use();
  if (!key) return true;
  const auto moved = device_files_.move_to(*key);
  if (moved) return true;
  fmt::print(stderr, "spoke: this device's files cannot follow the hub's new key: {}\n",
             moved.error());
  return false;
}

/// What proved itself is pinned. A file that cannot be written is no reason not to talk to a hub
/// that is believed; a contradiction is.
void SealedDriver::remember(const HubProved& proved) {
  if (!may_remember_ || !follow_key()) return;
  bool contradicted = false;
  const auto written = file_.update([&](KnownHubs& known) -> tl::expected<void, std::string> {
    auto noted = sealed_.contact().on_proof(known);
    contradicted = !noted;
    const auto& used = sealed_.contact().in_use();
    if (noted && proved.next_key && used) noted = known.record_next(hub_, *used, *proved.next_key);
    return noted;
  });
  if (written) return;
  if (contradicted) {
    events_.distrust(kExitWrongKey, "changed_key", written.error());
    return;
  }
  may_remember_ = false;  // said once
  fmt::print(stderr, "spoke: the hub's key is not remembered: {}\n", written.error());
}

}  // namespace hub::client
