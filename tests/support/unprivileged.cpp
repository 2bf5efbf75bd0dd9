#include "tests/support/unprivileged.hpp"

#include <sys/stat.h>

namespace hub::test {

namespace {

constexpr uid_t kNobody = 65534;

void give_away(const std::filesystem::path& path) {
  static_cast<void>(::lchown(path.c_str(), kNobody, static_cast<gid_t>(-1)) == 0);
}

}  // namespace

Unprivileged::Unprivileged(const std::filesystem::path& directory) : before_(::geteuid()) {
  if (before_ != 0) return;
  give_away(directory);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    give_away(entry.path());
  }
  static_cast<void>(::seteuid(kNobody) == 0);
  reached_ = ::chmod(directory.c_str(), 0700) == 0;
}

Unprivileged::~Unprivileged() { static_cast<void>(::seteuid(before_) == 0); }

}  // namespace hub::test
