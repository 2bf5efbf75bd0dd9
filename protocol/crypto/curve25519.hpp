// The way from the Edwards form of Curve25519 to the Montgomery form, of public points.
//
// libsodium multiplies the base point in the Edwards form, where it has tables, in 12 us, and in
// the Montgomery form of X25519 in 28. What is left to do is one division in the field, of numbers
// that both are public: nothing here handles a secret.
#pragma once

#include "protocol/types.hpp"

namespace hub {

/// u = (1 + y) / (1 - y) of an encoded Edwards point (RFC 8032, section 5.1.2), encoded as X25519
/// has it (RFC 7748, sections 4.1 and 5). Of the neutral element: zero.
Key montgomery_u(const Key& edwards_point);

}  // namespace hub
