// A resume: a device that has logged in before comes back with its resume secret.
//
//   resume -> device looked up -> proof checked here: two HMACs -> recorded (sealed_open.cpp), or
//                                                                  failed
//
// An unknown account or device, an erased key, a disabled account and a wrong proof are one path,
// byte for byte. There is nothing to guess in a secret of 256 bits, so the login throttle does not
// count resumes: all of a large network can come back at once. What it costs the hub is bounded by
// handshakes: a connection has one wrong try.
#include <utility>

#include "protocol/client_id.hpp"
#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

using Stage = LoginAttempt::Stage;

void Hub::Impl::request_resume(Link& link, std::string_view payload) {
  const LoginAttempt* other = attempt_on(link);
  const bool is_answered =
      other != nullptr && (other->stage == Stage::kRecording || other->is_resume);
  if (is_answered) return;  // soon
  attempts.erase(link.connection.id());
  if (link.resume_failed && !fault("resumes_unlimited")) {
    ++counters.drop_resume_again;
    ++counters.resumes_failed;
    return refuse_sealed_login(link, LoginRefusal::kTooManyTries);
  }
  const auto resume = sealed::read_resume(payload);
  const auto id = resume ? ClientId::parse(resume->id) : std::nullopt;
  if (!id) return refuse_resume(link);
  LoginAttempt attempt;
  attempt.is_resume = true;
  attempt.transcript.id_key = id->key();
  attempt.device = resume->device;
  attempt.proof = resume->proof;
  attempt.mark = resume->mark;
  attempt.lookup = next_tag;
  attempts.emplace(link.connection.id(), std::move(attempt));
  if (!read(DeviceJob{0, {id->text(), resume->device}}, PendingSealedLogin{link.connection.id()})) {
    ++counters.drop_busy_reader;
    refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
}

void Hub::Impl::on_device(const DeviceFound& found, Now now) {
  Link* link = nullptr;
  LoginAttempt* attempt = take_lookup(found.tag, link);
  if (attempt == nullptr) return;
  if (found.failed) {
    log(LogLevel::kError, "a resume could not be checked: the database cannot be read");
    return refuse_sealed_login(*link, LoginRefusal::kNoRoom);
  }
  const bool may_resume = found.device && found.device->device.resume_key &&
                          !is_among(attempt->ended, found.device->account);
  // The same work where there is nothing to hold the proof against.
  const Key key = may_resume ? *found.device->device.resume_key : nobodys_resume_key;
  const bool right =
      verify_resume_proof(key, link->connection.handshake_hash(), attempt->device, attempt->proof);
  if (!right || !may_resume) return refuse_resume(*link);
  attempt->account = found.device->account;
  attempt->name = found.device->name;
  attempt->resume_key = key;
  record_session(*link, *attempt, now);
}

void Hub::Impl::refuse_resume(Link& link) {
  link.resume_failed = true;
  refuse_sealed_login(link, LoginRefusal::kWrong);
}

}  // namespace hub::server
