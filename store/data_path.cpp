#include <cstdlib>

#include "store/data_directory.hpp"

namespace hub::store {

std::filesystem::path DataDirectory::default_path() {
  const auto set = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (auto data = set("HUB_DATA"); !data.empty()) return data;
  // A relative XDG_DATA_HOME is to be ignored (XDG Base Directory Specification, "Basics").
  if (const auto home = set("XDG_DATA_HOME"); home.is_absolute()) return home / "hub";
  if (const auto home = set("HOME"); !home.empty()) return home / ".local/share/hub";
  return {};
}

}  // namespace hub::store
