#include "server/net/read_server.hpp"

#include <exception>
#include <utility>
#include <variant>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/net/account_check.hpp"

namespace hub::server {

ReadServer::ReadServer(std::unique_ptr<store::Reader> reader, LoadKeys load_keys)
    : reader_(std::move(reader)), load_keys_(std::move(load_keys)) {}

ReadResult ReadServer::perform(const ReadJob& job) {
  return std::visit([this](const auto& asked) { return perform(asked); }, job);
}

ReadResult ReadServer::perform(const RetrieveJob& job) {
  return RetrievePage{job.tag, reader_->retrieve(job.account, job.n, job.before)};
}

ReadResult ReadServer::perform(const CatchUpJob& job) {
  return CatchUpRead{job.tag, reader_->catch_up(job.account, job.after, kCatchUpPage)};
}

ReadResult ReadServer::perform(const BacklogJob& job) {
  return BacklogRead{job.tag,
                     reader_->backlog(job.account, job.after, kMaxCatchUp, kMaxCountedEarlier)};
}

ReadResult ReadServer::perform(const AccountJob& job) {
  AccountFound found;
  found.tag = job.tag;
  const auto candidate = find_candidate(*reader_, hub_, job.id);
  found.failed = !candidate.has_value();
  if (!candidate) return found;
  found.account = candidate->account;
  found.name = candidate->name;
  found.verifier = candidate->verifier;
  return found;
}

ReadResult ReadServer::perform(const DeviceJob& job) { return find_devices({&job, 1}).front(); }

std::vector<ReadResult> ReadServer::find_devices(std::span<const DeviceJob> jobs) {
  std::vector<store::DeviceName> names;
  for (const DeviceJob& job : jobs) names.push_back(job.name);
  auto found = reader_->find_devices(names);
  std::vector<ReadResult> out;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (found) {
      out.push_back(DeviceFound{jobs[i].tag, false, std::move((*found)[i])});
    } else if (jobs.size() == 1 || fault("devices_fail_together")) {
      out.push_back(DeviceFound{jobs[i].tag, true, {}});
    } else {
      out.push_back(perform(jobs[i]));  // what fails one resume need not fail the others
    }
  }
  return out;
}

ReadResult ReadServer::perform(const KeysJob& job) {
  try {
    return KeysRead{job.tag, load_keys_(), {}};
  } catch (const std::exception& error) {
    return KeysRead{job.tag, {}, error.what()};
  }
}

}  // namespace hub::server
