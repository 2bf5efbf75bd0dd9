#include "tests/support/temp_directory.hpp"

#include <stdexcept>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace hub::test {

TempDirectory::TempDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "hub-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary directory like " + name);
  }
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hub::test
