// A directory of a test's own, removed with everything in it when the object goes.
#pragma once

#include <filesystem>
#include <string_view>

namespace hub::test {

class TempDirectory {
 public:
  TempDirectory();  // throws std::runtime_error where none can be made
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path operator/(const TempDirectory& directory, std::string_view name) {
  return directory.path() / name;
}

}  // namespace hub::test
