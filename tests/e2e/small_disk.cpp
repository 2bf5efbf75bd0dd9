#include "tests/e2e/small_disk.hpp"

#include <fstream>

#include <unistd.h>

namespace hub::test {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> unshare() {
  std::vector<std::string> out = {"unshare", "--mount"};
  if (::geteuid() != 0) out.insert(out.end(), {"--user", "--map-root-user"});
  return out;
}

}  // namespace

bool SmallDisk::is_permitted() {
  TempDirectory dir;
  std::vector<std::string> argv = unshare();
  argv.insert(argv.end(), {"mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir.path().string()});
  return run({.argv = argv}).exit == 0;
}

SmallDisk::SmallDisk(const TestHub& hub, std::vector<std::string> flags)
    : mount_(hub.scratch() / "mount"), log_(hub.scratch() / "hubd.log"), flags_(std::move(flags)) {
  fs::create_directory(mount_);
  std::vector<std::string> argv = unshare();
  argv.insert(argv.end(), {"sh", "-c",
                           "mount -t tmpfs -o size=4m tmpfs \"$0\" && "
                           "cp -a \"$1\" \"$0/data\" && echo there && exec cat",
                           mount_.string(), hub.data().string()});
  holder_ = std::make_unique<Process>(Command{.argv = argv});
  if (holder_->read_line() != "there") throw Unexpected("no small disk: " + holder_->errors());
  start();
}

std::vector<std::string> SmallDisk::prefix() const {
  std::vector<std::string> out = {"nsenter", "--target", std::to_string(holder_->pid()), "--mount"};
  if (::geteuid() != 0) out.insert(out.end(), {"--user", "--preserve-credentials"});
  return out;
}

void SmallDisk::start() {
  std::vector<std::string> flags = {"--listen", address()};
  flags.insert(flags.end(), flags_.begin(), flags_.end());
  hubd_ = std::make_unique<HubdProcess>(
      HubdStart{.data = data(), .log = log_, .flags = flags, .prefix = prefix()});
  port_ = hubd_->port();
}

fs::path SmallDisk::seen(const std::string& name) const {
  return "/proc/" + std::to_string(holder_->pid()) + "/root" + (mount_ / name).string();
}

void SmallDisk::fill() const {
  std::ofstream ballast(seen("ballast"), std::ios::binary | std::ios::app);
  const std::string block(4096, '\0');
  while (ballast.write(block.data(), 4096).flush()) {
  }
}

void SmallDisk::make_room() const { fs::remove(seen("ballast")); }

std::uintmax_t SmallDisk::free_bytes() const { return fs::space(seen("data")).available; }

std::string SmallDisk::log() const { return read_whole(log_); }

RawClient SmallDisk::online(const std::string& user) const {
  RawClient client({.port = port_});
  client.login(user, TestHub::password_of(user));
  return client;
}

Finished SmallDisk::inside(const std::vector<std::string>& argv) const {
  std::vector<std::string> all = prefix();
  all.insert(all.end(), argv.begin(), argv.end());
  return run({.argv = all});
}

Finished SmallDisk::admin(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {program("hubadmin"), "--data", data().string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return inside(argv);
}

std::string SmallDisk::admin_ok(const std::vector<std::string>& arguments) const {
  const Finished finished = admin(arguments);
  if (finished.exit != 0) throw Unexpected(finished.errors);
  return finished.output;
}

long SmallDisk::stat(const std::string& name) const {
  return figure(admin_ok({"stats", "--json"}), name);
}

}  // namespace hub::test
