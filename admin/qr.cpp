#include "admin/qr.hpp"

#include <memory>

#include <qrencode.h>

#include "protocol/fault.hpp"

namespace hub::admin {

namespace {

constexpr int kQuiet = 4;  // modules around the code (ISO/IEC 18004, section 5.3.8)
constexpr std::string_view kWhiteOnBlack = "\x1b[40;97m";
constexpr std::string_view kPlain = "\x1b[0m";

using Code = std::unique_ptr<QRcode, decltype(&QRcode_free)>;

bool is_dark(const QRcode& code, int x, int y) {
  if (x < 0 || y < 0 || x >= code.width || y >= code.width) return false;
  return (code.data[y * code.width + x] & 1) != 0;
}

/// Light modules are drawn, dark ones left out.
std::string_view block(bool upper_dark, bool lower_dark) {
  if (upper_dark && lower_dark) return " ";
  if (upper_dark) return "\xE2\x96\x84";                // lower half block
  return lower_dark ? "\xE2\x96\x80" : "\xE2\x96\x88";  // upper half block, full block
}

}  // namespace

std::optional<std::string> qr_code(std::string_view text, bool colours) {
  const Code code(
      QRcode_encodeData(static_cast<int>(text.size()),
                        reinterpret_cast<const unsigned char*>(text.data()), 0, QR_ECLEVEL_L),
      QRcode_free);
  if (!code) return std::nullopt;
  const int quiet = fault("qr_without_quiet_zone") ? 0 : kQuiet;
  std::string out;
  for (int y = -quiet; y < code->width + quiet; y += 2) {
    if (colours) out += kWhiteOnBlack;
    for (int x = -quiet; x < code->width + quiet; ++x) {
      out += block(is_dark(*code, x, y), is_dark(*code, x, y + 1));
    }
    if (colours) out += kPlain;
    out += '\n';
  }
  return out;
}

}  // namespace hub::admin
