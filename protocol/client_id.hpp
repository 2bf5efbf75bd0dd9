// A client ID: the name of an account, as people type it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hub {

/// 1 to 31 letters, digits and underscores (ASCII); unique in a hub without regard to case.
/// Holds the spelling it was made with; key() is what is compared and stored as unique.
class ClientId {
 public:
  /// Nothing where `text` is not a client ID.
  static std::optional<ClientId> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::string key() const;  // lower case

 private:
  explicit ClientId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace hub
