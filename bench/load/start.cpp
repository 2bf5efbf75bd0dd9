#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "bench/load/database.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/started_hub.hpp"

namespace hub::bench {

namespace {

/// Nothing of the file is in memory any more; it is on disk already.
void drop_from_memory(const std::filesystem::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0 || ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED) != 0) {
    throw Failure("cannot drop " + file.string() + " from memory");
  }
}

}  // namespace

Result run_start(const Setting& setting, const StartOptions& options) {
  const TempDirectory directory(setting.work);
  const auto file = setting.history.empty() ? directory.path() / "history.db" : setting.history;
  prepare_history(file, options.history, options.follows);
  const store::DataDirectory data = copy_to_data(file, directory.path());

  Result result;
  result.scenario = "start";
  result.add("posts", static_cast<double>(options.history));
  result.add("follows", static_cast<double>(options.follows));
  const auto start = [&](const std::string& name) {
    const StartedHub hub(setting, data, user_name(0));
    result.add(name + "_listening_s", hub.listening_seconds());
    result.add(name + "_first_login_s", hub.first_login_seconds());
    result.add(name + "_cpu_s", hub.process().usage().server_seconds);
    result.add("resident_bytes", static_cast<double>(hub.process().resident_bytes()));
  };
  drop_from_memory(data.database());
  start("cold");
  start("warm");
  return result;
}

}  // namespace hub::bench
