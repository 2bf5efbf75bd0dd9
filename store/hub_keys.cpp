#include "store/hub_keys.hpp"

#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"
#include "store/files.hpp"

namespace hub::store {

namespace {

using Why = KeyFileError::Why;

constexpr std::size_t kMaxFileBytes = 4096;

/// The text of a key file; it holds secrets and is wiped.
class SecretText {
 public:
  SecretText() { text_.reserve(kMaxFileBytes); }  // so that growing leaves no copies behind
  ~SecretText() { wipe({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()}); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;

  void add(std::string_view text) { text_ += text; }
  void add_key(const Key& key) {
    std::string secret = key_text(key);
    text_ += secret;
    wipe({reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()});
  }
  std::string_view view() const { return text_; }

 private:
  std::string text_;
};

KeyFileError trouble(std::string_view what, const std::filesystem::path& path, int error) {
  return {
      means_no_room(error) ? Why::kNoRoom : Why::kUnusable,
      fmt::format("cannot {} {}: {}", what, path.native(), std::generic_category().message(error))};
}

void check_privacy(const struct stat& status, const std::filesystem::path& path) {
  if (!S_ISREG(status.st_mode)) {
    throw KeyFileError(Why::kUnusable, fmt::format("{} is not a file", path.native()));
  }
  if ((status.st_mode & 077) == 0 || fault("open_key_file_accepted")) return;
  throw KeyFileError(
      Why::kUnusable,
      fmt::format("others than its owner can read or write {0} (mode {1:04o}): run chmod 600 {0}; "
                  "if somebody may have, the hub wants new keys, see docs/OPERATING.md",
                  path.native(), static_cast<unsigned>(status.st_mode & 07777)));
}

/// False where there is no such file.
bool read_private(const std::filesystem::path& path, SecretText& out) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return false;
  if (file.get() < 0) throw trouble("read", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw trouble("read", path, errno);
  check_privacy(status, path);
  std::array<char, kMaxFileBytes> buffer{};
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  const int error = errno;
  if (got > 0) out.add({buffer.data(), static_cast<std::size_t>(got)});
  wipe({reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size()});
  if (got < 0) throw trouble("read", path, error);
  return true;
}

void write_private(const std::filesystem::path& path, const SecretText& text) {
  try {
    replace_private_file(path, text.view());
  } catch (const std::system_error& error) {
    throw trouble("write", path, error.code().value());
  }
}

/// Held while hub.key is read and replaced. On the directory itself: the file is another one
/// afterwards.
Fd hold(const DataDirectory& directory) {
  const int fd = ::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw trouble("open", directory.path(), errno);
  while (::flock(fd, LOCK_EX) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    ::close(fd);
    throw trouble("lock", directory.path(), error);
  }
  return Fd(fd);
}

// --- The text ---

using Words = std::vector<std::string_view>;

/// The words of each line that is not empty or a comment.
std::vector<Words> words_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<Words> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find('#'));
    Words words;
    while (true) {
      line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
      if (line.empty()) break;
      words.push_back(line.substr(0, line.find_first_of(kBlank)));
      line.remove_prefix(words.back().size());
    }
    if (!words.empty()) out.push_back(std::move(words));
  }
  return out;
}

/// What is wrong with a file's text; nothing of the text is in it, since that is secret.
struct Damage {
  std::string what;
};

/// The lines behind the first, which says kind and version.
std::vector<Words> body_of(std::string_view text, std::string_view kind) {
  std::vector<Words> lines = words_of(text);
  if (lines.empty() || lines[0].size() != 2 || lines[0][0] != kind) {
    throw Damage{fmt::format("it does not begin with \"{} 1\"", kind)};
  }
  if (lines[0][1] != "1") throw Damage{"another release wrote it"};
  lines.erase(lines.begin());
  return lines;
}

void read_pair(const Words& words, KeyPair& out) {
  const auto secret = words.size() == 3 ? parse_key_text(words[1]) : std::nullopt;
  const auto shown = words.size() == 3 ? parse_key_text(words[2]) : std::nullopt;
  if (!secret || !shown) throw Damage{fmt::format("its line \"{}\" cannot be read", words[0])};
  out.secret = *secret;
  out.public_key = public_key_of(out.secret);
  if (out.public_key != *shown && !fault("damaged_key_accepted")) {
    throw Damage{
        fmt::format("the secret and the public key in its line \"{}\" are no pair", words[0])};
  }
}

HubKeys read_hub_keys(std::string_view text) {
  const std::vector<Words> lines = body_of(text, "hub-key");
  const bool rotating = lines.size() == 2;
  if (lines.empty() || lines.size() > 2 || lines[0][0] != "current" ||
      (rotating && lines[1][0] != "next")) {
    throw Damage{"it must have a line \"current\", perhaps one \"next\", and no other"};
  }
  HubKeys keys;
  read_pair(lines[0], keys.current);
  if (rotating) read_pair(lines[1], keys.next.emplace());
  return keys;
}

ResetKey read_reset_key(std::string_view text) {
  const std::vector<Words> lines = body_of(text, "reset-key");
  if (lines.size() != 2 || lines[0].size() != 2 || lines[0][0] != "key" || lines[1].size() != 2 ||
      lines[1][0] != "generation") {
    throw Damage{"it must have a line \"key\" and a line \"generation\", and no other"};
  }
  const auto key = parse_key_text(lines[0][1]);
  if (!key) throw Damage{"its line \"key\" cannot be read"};
  ResetKey out{*key, 0};
  const std::string_view digits = lines[1][1];
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.generation);
  if (error != std::errc{} || end != digits.data() + digits.size() ||
      out.generation > kMaxResetGeneration) {
    throw Damage{"its line \"generation\" cannot be read"};
  }
  return out;
}

void save(const DataDirectory& directory, const HubKeys& keys) {
  SecretText text;
  const auto add = [&text](std::string_view word, const KeyPair& pair) {
    text.add(word);
    text.add(" ");
    text.add_key(pair.secret);
    text.add(" " + key_text(pair.public_key) + "\n");
  };
  text.add(
      "# The keys by which people know this hub: word, secret, public key. Who has this file can\n"
      "# pose as the hub; who loses it makes everybody's spoke warn of a changed key. Keep a copy "
      "in\n"
      "# a safe place. Change it with hubadmin rotate-key only.\n"
      "hub-key 1\n");
  add("current", keys.current);
  if (keys.next) add("next", *keys.next);
  write_private(directory.hub_key(), text);
}

void save(const DataDirectory& directory, const ResetKey& reset) {
  SecretText text;
  text.add(
      "# What connection IDs are made from. hubd counts the generation up at each start; an older\n"
      "# copy must never be put back. It may be removed while hubd is down: hubd makes a new one.\n"
      "reset-key 1\n"
      "key ");
  text.add_key(reset.key);
  text.add(fmt::format("\ngeneration {}\n", reset.generation));
  write_private(directory.reset_key(), text);
}

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

}  // namespace

HubKeys load_hub_keys(const DataDirectory& directory) {
  const std::filesystem::path path = directory.hub_key();
  SecretText text;
  if (!read_private(path, text)) {
    throw KeyFileError(Why::kMissing,
                       fmt::format("there is no {}: put back the copy you kept; without one, hubd "
                                   "makes a new key at its next start",
                                   path.native()));
  }
  try {
    return read_hub_keys(text.view());
  } catch (const Damage& damage) {
    throw KeyFileError(
        Why::kUnusable,
        fmt::format("{} cannot be used: {}. Put back the copy you kept; without one, "
                    "remove it, and hubd makes a new key at its next start, of which "
                    "everybody's spoke warns",
                    path.native(), damage.what));
  }
}

HubKeys create_hub_keys(const DataDirectory& directory, Random& random) {
  const Fd held = hold(directory);
  if (is_there(directory.hub_key())) {
    throw KeyFileError(Why::kExists,
                       fmt::format("there is a {} already", directory.hub_key().native()));
  }
  HubKeys keys{generate_key_pair(random), std::nullopt};
  save(directory, keys);
  return keys;
}

FoundHubKeys find_or_create_hub_keys(const DataDirectory& directory, Random& random) {
  if (is_there(directory.hub_key())) return {load_hub_keys(directory), false};
  return {create_hub_keys(directory, random), true};
}

HubKeys begin_rotation(const DataDirectory& directory, Random& random) {
  const Fd held = hold(directory);
  HubKeys keys = load_hub_keys(directory);
  if (keys.next) {
    throw KeyFileError(Why::kExists,
                       "a next key is announced already; hubadmin rotate-key --finish makes it the "
                       "current one");
  }
  keys.next = generate_key_pair(random);
  if (fault("rotation_forgets_current")) keys.current = *keys.next;
  save(directory, keys);
  return keys;
}

HubKeys finish_rotation(const DataDirectory& directory) {
  const Fd held = hold(directory);
  HubKeys keys = load_hub_keys(directory);
  if (!keys.next) {
    throw KeyFileError(Why::kNothing,
                       "there is no next key to take over; hubadmin rotate-key makes one");
  }
  keys.current = *keys.next;
  keys.next.reset();
  save(directory, keys);
  return keys;
}

ResetKey next_reset_key(const DataDirectory& directory, Random& random) {
  const Fd held = hold(directory);
  ResetKey reset;
  SecretText text;
  bool fresh = !read_private(directory.reset_key(), text);
  if (!fresh) {
    try {
      reset = read_reset_key(text.view());
    } catch (const Damage& damage) {
      throw KeyFileError(Why::kUnusable,
                         fmt::format("{} cannot be used: {}. Remove it: hubd makes a new one, and "
                                     "connections of before take a little longer to come back",
                                     directory.reset_key().native(), damage.what));
    }
    fresh = reset.generation == kMaxResetGeneration;
    if (!fault("reset_generation_not_increased")) ++reset.generation;
  }
  if (fresh) {
    reset.generation = 0;
    random.fill(reset.key);
  }
  save(directory, reset);
  return reset;
}

}  // namespace hub::store
