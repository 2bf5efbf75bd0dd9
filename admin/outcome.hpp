// How a command of hubadmin ends: well, or with a sentence and an exit code.
#pragma once

#include <string>

#include <tl/expected.hpp>

namespace hub::admin {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,       // it was tried and did not work, or `check` found something
  kBadUsage = 2,     // nothing was tried
  kNotFound = 3,     // no such account, device, post or session
  kExists = 4,       // exists already, or belonged to a deleted account
  kUnreachable = 5,  // the server or the data directory is busy, or the server does not answer
  kDatabase = 6,     // it or hub.key: missing, of another version, or damaged
};

struct Failure {
  ExitCode code = ExitCode::kFailed;
  std::string message;  // one line: what is wrong and what to do; harmless for a terminal
};

template <typename T>
using Outcome = tl::expected<T, Failure>;
using Result = Outcome<void>;

inline tl::unexpected<Failure> fail(ExitCode code, std::string message) {
  return tl::unexpected(Failure{code, std::move(message)});
}

}  // namespace hub::admin
