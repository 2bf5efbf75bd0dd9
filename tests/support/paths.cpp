#include "tests/support/paths.hpp"

namespace hub::test {

std::string source_file(const std::string& path) { return HUB_SOURCE_DIR "/" + path; }
std::string program(const std::string& name) { return HUB_BIN_DIR "/" + name; }

}  // namespace hub::test
