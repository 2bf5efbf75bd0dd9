// File permissions do not bind root, as which tests often run. For the scope the thread is nobody.
#pragma once

#include <filesystem>

#include <unistd.h>

namespace hub::test {

class Unprivileged {
 public:
  /// Gives `directory` and what is in it to nobody first, where this is root.
  explicit Unprivileged(const std::filesystem::path& directory);
  ~Unprivileged();
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

  /// False: permissions still do not bind (an odd container), or nobody does not get as far as the
  /// directory (a private TMPDIR); there is nothing to test.
  bool is_bound() const { return ::geteuid() != 0 && reached_; }

 private:
  uid_t before_;
  bool reached_ = true;
};

}  // namespace hub::test
