#include "client/net/terminal.hpp"

#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "protocol/text.hpp"

namespace hub::client {

namespace {

constexpr int kRememberedLines = 1000;
constexpr wchar_t kEscape = 0x1B;
constexpr wchar_t kEndOfInput = 0x04;  // Ctrl-D

std::size_t columns() {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// Where on the screen a text ends that began at the left margin, as libedit lays it out: a
/// character that does not fit moves to the next row whole, a full row ends at once.
class Layout {
 public:
  explicit Layout(std::size_t columns) : columns_(columns) {}

  void add(wchar_t c) {
    const int width = wcwidth(c);
    constexpr std::size_t kCaretNotation = 2;  // ^A
    const std::size_t taken = width >= 0 ? static_cast<std::size_t>(width) : kCaretNotation;
    if (column_ + taken > columns_) next_row();
    column_ += taken;
    if (column_ >= columns_) next_row();
  }
  std::size_t row() const { return row_; }

 private:
  void next_row() {
    ++row_;
    column_ = 0;
  }
  std::size_t columns_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

std::string to_utf8(wchar_t c) {
  std::array<char, MB_LEN_MAX> bytes;
  std::mbstate_t state{};
  const std::size_t size = wcrtomb(bytes.data(), c, &state);
  return size == static_cast<std::size_t>(-1) ? std::string() : std::string(bytes.data(), size);
}

void bind_key(EditLine* edit, const std::string& key, const char* command) {
  el_set(edit, EL_BIND, key.c_str(), command, nullptr);
}

/// libedit knows the keys of terminfo; terminals and multiplexers send others as well. What has no
/// meaning is ignored whole, or its last characters would end up in the text.
void bind_keys(EditLine* edit) {
  // Commands that wait for a further key would keep incoming lines waiting too.
  for (const char* key : {"^V", "\\ex", "\\eX"}) bind_key(edit, key, "ed-unassigned");
  for (const char* number :
       {"2", "5", "6", "11", "12", "13", "14", "15", "17", "18", "19", "20", "21", "23", "24"}) {
    bind_key(edit, fmt::format("\\e[{}~", number), "ed-ignore");
  }
  for (const char final : std::string_view("PQRS")) {
    bind_key(edit, fmt::format("\\eO{}", final), "ed-ignore");
  }
  for (int modifiers = 2; modifiers <= 8; ++modifiers) {
    for (const char final : std::string_view("ABCDEFHPQRS")) {
      const bool word = (final == 'C' || final == 'D') && (modifiers == 3 || modifiers == 5);
      const char* by_word = final == 'C' ? "em-next-word" : "ed-prev-word";
      bind_key(edit, fmt::format("\\e[1;{}{}", modifiers, final), word ? by_word : "ed-ignore");
    }
    for (int number = 2; number <= 24; ++number) {
      bind_key(edit, fmt::format("\\e[{};{}~", number, modifiers), "ed-ignore");
    }
  }
  for (const char* key : {"\\e[H", "\\eOH", "\\e[1~", "\\e[7~"})
    bind_key(edit, key, "ed-move-to-beg");
  for (const char* key : {"\\e[F", "\\eOF", "\\e[4~", "\\e[8~"})
    bind_key(edit, key, "ed-move-to-end");
  bind_key(edit, "\\e[3~", "ed-delete-next-char");
}

}  // namespace

bool Terminal::is_usable() {
  const char* kind = std::getenv("TERM");
  const bool moves = kind != nullptr && *kind != '\0' && std::strcmp(kind, "dumb") != 0;
  return moves && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
}

Terminal::Terminal() {
  // Texts are UTF-8 whatever the locale says, and libedit goes by the locale.
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
  history_.reset(history_init());
  edit_.reset(el_init("spoke", stdin, stdout, stderr));
  if (!history_ || !edit_) throw std::runtime_error("the terminal cannot be set up for editing");
  HistEvent event;
  history(history_.get(), &event, H_SETSIZE, kRememberedLines);
  history(history_.get(), &event, H_SETUNIQUE, 1);
  EditLine* edit = edit_.get();
  el_set(edit, EL_CLIENTDATA, this);
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_HIST, history, history_.get());
  el_set(edit, EL_PROMPT_ESC, &Terminal::prompt_of, '\1');
  el_set(edit, EL_GETCFN, &Terminal::next_character);
  bind_keys(edit);
  el_source(edit, nullptr);  // the user's own ~/.editrc has the last word
}

Terminal::~Terminal() {
  if (mode_ == Mode::kPassword) write_out("\n");
  if (mode_ == Mode::kLine) write_out(erasing());
  el_set(edit_.get(), EL_UNBUFFERED, 0);
  el_set(edit_.get(), EL_PREP_TERM, 0);
}

char* Terminal::prompt_of(EditLine* edit) {
  Terminal* self = nullptr;
  el_get(edit, EL_CLIENTDATA, &self);
  return self->prompt_.data();
}

int Terminal::next_character(EditLine* edit, wchar_t* out) {
  Terminal* self = nullptr;
  el_get(edit, EL_CLIENTDATA, &self);
  while (self->keys_.empty() && !self->ended_) self->take_bytes();
  if (self->keys_.empty()) return 0;
  *out = self->keys_.front();
  self->keys_.pop_front();
  return 1;
}

void Terminal::read() {
  interrupted_ = false;
  take_bytes();
}

void Terminal::take_bytes() {
  std::array<char, 4096> bytes;
  const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size <= 0) ended_ = true;
  for (ssize_t i = 0; i < size; ++i) {
    wchar_t c = 0;
    const std::size_t taken = std::mbrtowc(&c, &bytes[static_cast<std::size_t>(i)], 1, &decoding_);
    if (taken == static_cast<std::size_t>(-1)) {
      decoding_ = {};
    } else if (taken != static_cast<std::size_t>(-2)) {
      keys_.push_back(c);
    }
  }
}

std::optional<Typed> Terminal::next() {
  auto typed = mode_ == Mode::kPassword ? read_password() : edit();
  if (!typed && ended_) {
    ended_ = false;
    if (mode_ != Mode::kIdle) write_out(erasing());
    end_line();
    return InputEnd{};
  }
  return typed;
}

std::optional<Typed> Terminal::edit() {
  begin_line();
  while (has_whole_key()) {
    if (keys_.front() == kEndOfInput && is_line_empty()) {
      keys_.pop_front();
      ended_ = true;
      return std::nullopt;
    }
    int size = 0;
    const char* text = el_gets(edit_.get(), &size);
    if (text == nullptr || size <= 0) continue;
    std::string line(text, static_cast<std::size_t>(size));
    if (line.back() != '\n' && line.back() != '\r') continue;
    line.pop_back();
    end_line();
    remember(line);
    return TypedLine{std::move(line)};
  }
  return std::nullopt;
}

// An escape sequence that is still on its way would make libedit wait for the rest of it.
bool Terminal::has_whole_key() const {
  if (keys_.empty()) return false;
  if (keys_.front() != kEscape) return true;
  if (keys_.size() < 2) return false;
  if (keys_[1] == L'O') return keys_.size() >= 3;
  if (keys_[1] != L'[') return true;
  for (std::size_t i = 2; i < keys_.size(); ++i) {
    if (keys_[i] >= 0x40 && keys_[i] <= 0x7E) return true;
  }
  return false;
}

bool Terminal::is_line_empty() const {
  const LineInfo* line = el_line(edit_.get());
  return line->lastchar == line->buffer;
}

void Terminal::remember(const std::string& line) {
  const auto kept = memorable(line);
  HistEvent event;
  if (kept) history(history_.get(), &event, H_ENTER, kept->c_str());
}

std::optional<Typed> Terminal::read_password() {
  if (std::exchange(cancelled_, false)) return finish_password(std::nullopt);
  while (!keys_.empty()) {
    const wchar_t key = keys_.front();
    keys_.pop_front();
    switch (key) {
      case L'\r':
      case L'\n':
        return finish_password(std::move(password_));
      case kEndOfInput:
        return finish_password(std::nullopt);
      case 0x7F:  // Backspace
      case 0x08:
        while (!password_.empty() &&
               (static_cast<unsigned char>(password_.back()) & 0xC0) == 0x80) {
          password_.pop_back();
        }
        if (!password_.empty()) password_.pop_back();
        break;
      case 0x15:  // Ctrl-U
        password_.clear();
        break;
      default:
        password_ += to_utf8(key);
    }
  }
  return std::nullopt;
}

Typed Terminal::finish_password(std::optional<std::string> text) {
  write_out("\n");
  password_.clear();
  mode_ = Mode::kIdle;
  return TypedPassword{std::move(text)};
}

void Terminal::ask_password(const std::string& id) {
  end_line();
  mode_ = Mode::kPassword;
  question_ = fmt::format("password of {}: ", printable(id));
  write_out(question_);
}

void Terminal::begin_line() {
  if (mode_ != Mode::kIdle) return;
  mode_ = Mode::kLine;
  el_set(edit_.get(), EL_UNBUFFERED, 1);  // draws the prompt
}

// libedit gives the terminal back after each line; between two of ours nothing is to be echoed.
void Terminal::end_line() {
  if (mode_ == Mode::kLine) el_set(edit_.get(), EL_UNBUFFERED, 0);
  mode_ = Mode::kIdle;
  el_set(edit_.get(), EL_PREP_TERM, 1);
}

bool Terminal::show(std::string_view lines, const std::string& prompt) {
  if (lines.empty() && prompt == prompt_) return true;
  if (mode_ == Mode::kIdle) {
    prompt_ = prompt;
    return write_out(lines);
  }
  const bool written = write_out(fmt::format("{}{}", erasing(), lines));
  prompt_ = prompt;
  redraw();
  return written;
}

/// What moves the cursor to where the prompt begins and clears everything from there.
std::string Terminal::erasing() const {
  Layout layout(columns());
  if (mode_ == Mode::kPassword) {
    for (const char c : question_) layout.add(static_cast<wchar_t>(c));
  } else {
    bool shown = true;
    for (const char c : prompt_) {
      if (c == '\1') {
        shown = !shown;
      } else if (shown) {
        layout.add(static_cast<wchar_t>(c));
      }
    }
    const LineInfoW* line = el_wline(edit_.get());
    for (const wchar_t* c = line->buffer; c != line->cursor; ++c) layout.add(*c);
  }
  const std::string up = layout.row() > 0 ? fmt::format("\x1b[{}A", layout.row()) : "";
  return fmt::format("\r{}\x1b[J", up);
}

void Terminal::redraw() {
  if (mode_ == Mode::kPassword) {
    write_out(question_);
  } else if (mode_ == Mode::kLine) {
    el_set(edit_.get(), EL_REFRESH);
  }
}

Interrupt Terminal::interrupt() {
  if (mode_ == Mode::kPassword) {
    cancelled_ = true;
    return Interrupt::kCancel;
  }
  if (std::exchange(interrupted_, true)) return Interrupt::kLeave;
  if (mode_ == Mode::kLine) {
    write_out(erasing());
    el_reset(edit_.get());  // forgets the line; gives the terminal back, too
    el_set(edit_.get(), EL_PREP_TERM, 1);
    redraw();
  }
  return Interrupt::kClearLine;
}

void Terminal::suspend() {
  write_out(erasing());
  el_set(edit_.get(), EL_PREP_TERM, 0);
  kill(getpid(), SIGSTOP);
}

// Somebody else may have changed the terminal meanwhile: set it up as if for the first time.
void Terminal::resume() {
  el_set(edit_.get(), EL_PREP_TERM, 0);
  el_set(edit_.get(), EL_PREP_TERM, 1);
  write_out("\r\x1b[J");
  redraw();
}

void Terminal::resize() {
  if (mode_ == Mode::kLine) write_out(erasing());
  el_resize(edit_.get());
  if (mode_ == Mode::kLine) redraw();
}

}  // namespace hub::client
