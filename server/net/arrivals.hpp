// What the worker threads hand the reactor: the one inbox it drains.
#pragma once

#include <variant>
#include <vector>

#include "server/core/outbox.hpp"
#include "server/net/inbox.hpp"
#include "store/requests.hpp"
#include "store/store.hpp"

namespace hub::server {

/// The outputs of one commit, in their order.
using StoreOutputs = std::vector<store::Output>;

using Arrival = std::variant<StoreOutputs, store::Health, LoginVerdict, ReadResult>;
using Arrivals = Inbox<Arrival>;

}  // namespace hub::server
