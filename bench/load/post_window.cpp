#include "bench/load/post_window.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace hub::bench {

std::string numbered_text(std::size_t number, std::size_t bytes) {
  static constexpr std::string_view kWords = " the quick brown fox jumps over the lazy dog";
  std::string out = fmt::format("{:0{}}", number, kPostNumberDigits);
  while (out.size() < bytes) out += kWords;
  out.resize(bytes);
  return out;
}

std::optional<std::size_t> number_in(std::string_view text) {
  if (!text.empty() && text.front() == '<')
    text.remove_prefix(std::min(text.size(), text.find('>')));
  if (!text.empty() && text.front() == '>') text.remove_prefix(1);
  if (text.size() < kPostNumberDigits) return std::nullopt;
  std::size_t number = 0;
  const char* end = text.data() + kPostNumberDigits;
  if (std::from_chars(text.data(), end, number).ptr != end) return std::nullopt;
  return number;
}

std::size_t PostWindow::sent(TimePoint now) {
  posts_.push_back({now, now, next_.size(), 0});
  return first_ + posts_.size() - 1;
}

void PostWindow::arrived(std::size_t follower, std::size_t number, TimePoint at) {
  std::size_t& next = next_[follower];
  if (number < next || number >= first_ + posts_.size()) {
    ++repeated_;
    return;
  }
  for (; next < number; ++next) {
    Post& skipped = posts_[next - first_];
    --skipped.missing;
    ++skipped.lost;
    ++lost_;
  }
  ++next;
  Post& post = posts_[number - first_];
  --post.missing;
  post.last = at;
  ++deliveries_;
  for (; !posts_.empty() && posts_.front().missing == 0; posts_.pop_front(), ++first_) {
    if (posts_.front().lost == 0) latencies_.add(posts_.front().last - posts_.front().sent);
  }
}

void PostWindow::give_up() {
  for (const Post& post : posts_) lost_ += post.missing;
  first_ += posts_.size();
  posts_.clear();
  std::fill(next_.begin(), next_.end(), first_);
}

void PostWindow::start_measuring(std::size_t most_samples) {
  latencies_ = Samples(most_samples);
  deliveries_ = 0;
}

}  // namespace hub::bench
