#include "tests/e2e/soak/hub.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "store/maintenance.hpp"
#include "tests/support/paths.hpp"

namespace hub::test::soak {

namespace {

constexpr std::uint32_t kPage = 1000;
constexpr std::string_view kListening = "listening on 127.0.0.1:";

}  // namespace

std::string admin(const std::filesystem::path& data, const std::vector<std::string>& arguments) {
  Command command{.argv = {program("hubadmin"), "--data", data.string()}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.environment = {{"HUB_FAULT", ""}};  // a deliberate fault is hubd's and spoke's
  const Finished finished = run(command);
  if (finished.exit == 0) return finished.output;
  throw Unexpected(to_string(command) + " exits with " + std::to_string(finished.exit) + ": " +
                   finished.errors + finished.output);
}

void make_hub(const std::filesystem::path& data, const std::vector<std::string>& accounts) {
  admin(data, {"init", "--kdf-memory", "8KiB", "--kdf-passes", "1"});
  std::string lines;
  for (const std::string& name : accounts) lines += name + "&" + name + "_pw\n";
  admin(data, {"import-users", write_whole(data / "accounts.txt", lines).string()});
}

std::vector<StoredPost> read_posts(const std::filesystem::path& data, MessageId after) {
  store::AdminReader reader(data / "hub.db");
  std::vector<StoredPost> out;
  for (MessageId before = 0;;) {
    const auto page = reader.posts(std::nullopt, before, kPage);
    if (!page) throw Unexpected("cannot read " + data.string() + ": " + page.error().message);
    for (const store::Post& post : *page) {
      if (post.id > after) out.push_back({post.id, post.author_name, post.text});
    }
    if (page->size() < kPage || page->back().id <= after) break;
    before = page->back().id;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

void Hub::start(const std::string& failpoint) {
  Command command{.argv = {program("hubd"), "--data", data_.string(), "--listen",
                           "127.0.0.1:" + std::to_string(port_), "--posts-per-second", "1000000"},
                  .log = log_};
  // Every other one has little in memory, and reads from the store what its clients missed.
  if (++starts_ % 2 == 0) command.argv.insert(command.argv.end(), {"--recent-posts", "50"});
  if (!failpoint.empty()) command.environment.emplace_back("HUB_FAILPOINT", failpoint);
  log_before_ = std::filesystem::exists(log_) ? std::filesystem::file_size(log_) : 0;
  up_ = false;
  process_.emplace(command);
}

std::string Hub::log() const {
  std::ifstream in(log_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(log_before_));
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool Hub::is_up() {
  if (up_) return true;
  const std::string text = log();
  const std::size_t at = text.find(kListening);
  if (at == std::string::npos || text.find('\n', at) == std::string::npos) return false;
  port_ =
      static_cast<std::uint16_t>(std::strtoul(text.c_str() + at + kListening.size(), nullptr, 10));
  up_ = true;
  return true;
}

ExitCode Hub::wait() {
  const ExitCode exit = process_->wait();
  process_.reset();
  up_ = false;
  return exit;
}

void Hub::kill() {
  process_->send_signal(SIGKILL);
  wait();
}

ExitCode Hub::stop() {
  process_->send_signal(SIGTERM);
  return wait();
}

}  // namespace hub::test::soak
