// Who carries out what changes the hub. While hubd holds the data directory it does, asked over its
// control socket, and the change takes effect at once; else hubadmin takes the directory's lock and
// writes to the database itself. Commands do not know which.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "admin/context.hpp"
#include "admin/outcome.hpp"
#include "protocol/control.hpp"

namespace hub::admin {

class Writer {
 public:
  virtual ~Writer() = default;

  /// A reply each, Refused included. Together they cost hardly more than one, because the store
  /// commits them together. ListSessions, Stats and ReloadKeys are for a hubd only.
  virtual Outcome<std::vector<control::Reply>> perform_all(
      std::span<const control::Command> commands) = 0;

  /// One command; busy is tried again a few times.
  Outcome<control::Reply> perform(const control::Command& command);
};

/// Fails with kUnreachable where somebody else keeps the directory or hubd cannot be reached;
/// throws store::OpenError where the database cannot be used.
Outcome<std::unique_ptr<Writer>> open_writer(const Context& context);

/// hubd, if it runs on this directory; else nullptr, and nothing is locked.
Outcome<std::unique_ptr<Writer>> reach_server(const Context& context);

/// The directory's lock, for what needs the database alone. Fails with kUnreachable, naming who
/// holds it, unless that is another hubadmin that finishes soon.
Outcome<store::DirectoryLock> take_lock(const Context& context);

/// The failure that a refusal is.
Failure failure_of(const control::Refused& refused);

/// perform() for commands that end in Done.
Result perform_done(Writer& writer, const control::Command& command);

}  // namespace hub::admin
