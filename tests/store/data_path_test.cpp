#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "store/data_directory.hpp"

using hub::store::DataDirectory;

namespace {

// The environment as it was, when this goes.
class Environment {
 public:
  Environment() {
    for (const char* name : {"HUB_DATA", "XDG_DATA_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      before_[name] = value != nullptr ? std::optional<std::string>(value) : std::nullopt;
      ::unsetenv(name);
    }
  }
  ~Environment() {
    for (const auto& entry : before_) {
      if (entry.second) {
        ::setenv(entry.first.c_str(), entry.second->c_str(), 1);
      } else {
        ::unsetenv(entry.first.c_str());
      }
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

}  // namespace

TEST_CASE("the data directory is where the environment says, the nearest word first") {
  const Environment environment;
  REQUIRE(DataDirectory::default_path().empty());
  ::setenv("HOME", "/home/ann", 1);
  REQUIRE(DataDirectory::default_path() == "/home/ann/.local/share/hub");
  ::setenv("XDG_DATA_HOME", "not/absolute", 1);
  REQUIRE(DataDirectory::default_path() == "/home/ann/.local/share/hub");
  ::setenv("XDG_DATA_HOME", "/xdg", 1);
  REQUIRE(DataDirectory::default_path() == "/xdg/hub");
  ::setenv("HUB_DATA", "here", 1);
  REQUIRE(DataDirectory::default_path() == "here");
}
