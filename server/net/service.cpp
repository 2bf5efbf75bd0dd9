#include "server/net/service.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "server/core/recent_posts.hpp"
#include "server/net/login_pool.hpp"
#include "server/net/reactor.hpp"
#include "server/net/reader_thread.hpp"
#include "server/net/udp_socket.hpp"

namespace hub::server {

namespace {

constexpr std::uint32_t kRestorePage = 1000;

bool means_no_ipv6(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

/// [::] becomes 0.0.0.0 on a machine without IPv6: "every address" is what was meant.
UdpSocket open_socket(const Endpoint& listen) {
  try {
    return UdpSocket::open(listen);
  } catch (const ListenError& error) {
    const bool every = listen.ip.is_unspecified() && !listen.ip.is_v4();
    if (!every || !means_no_ipv6(error.error)) throw;
    return UdpSocket::open({IpAddress::v4(0, 0, 0, 0), listen.port, 0});
  }
}

std::vector<UdpSocket> open_sockets(const std::vector<Endpoint>& listen) {
  std::vector<UdpSocket> out;
  out.reserve(listen.size());
  for (const Endpoint& endpoint : listen) out.push_back(open_socket(endpoint));
  return out;
}

template <typename T>
T must_read(store::Read<T> result) {
  if (!result) throw std::runtime_error("cannot read the database: " + result.error().message);
  return *std::move(result);
}

std::vector<RestoredSession> read_sessions(store::Reader& reader) {
  std::vector<RestoredSession> out;
  store::SessionKey after;
  while (true) {
    auto page = must_read(reader.sessions(after, kRestorePage));
    if (page.empty()) return out;
    for (store::StoredSession& session : page) {
      after = {session.account, session.framing, session.token};
      auto followees = must_read(reader.followees(session.account));
      out.push_back({std::move(session), std::move(followees)});
    }
  }
}

/// The database says which history this hub goes on with.
HubIdentity with_history(HubIdentity identity, store::Reader& reader) {
  identity.history_id = must_read(reader.info()).history_id;
  return identity;
}

/// The core bounds what is under way, so that no inbox of these sizes is ever full.
std::size_t arrival_capacity(const HubConfig& hub) {
  constexpr std::size_t kStoreHealth = 16;  // told once a second; one that finds no room waits
  return std::size_t{hub.max_pending_writes} + hub.max_pending_checks + hub.max_pending_reads +
         kStoreHealth;
}

}  // namespace

struct Service::Impl {
  Impl(const ServiceOptions& options, const StoreThread::Open& open_store, Random& random, Log& log)
      : arrivals(arrival_capacity(options.hub)),
        store(options.hub.max_pending_writes, open_store, arrivals),
        reader(options.hub.max_pending_reads, store.open_reader(), options.load_keys, arrivals),
        pool(
            options.login_threads, options.hub.max_pending_checks,
            [this] { return store.open_reader(); }, arrivals),
        hub(options.hub, with_history(options.identity, *store.open_reader()), random, counters) {
    auto sockets = open_sockets(options.listen);
    for (const UdpSocket& socket : sockets) listening.push_back(socket.local());
    reactor =
        std::make_unique<Reactor>(Reactor::Parts{hub, counters, arrivals, store, reader, pool, log},
                                  std::move(sockets), options.control_socket);
    const auto stored = store.open_reader();
    const auto sessions = read_sessions(*stored);
    reactor->restore(
        {must_read(stored->last_post()),
         must_read(stored->history_end(options.hub.recent_posts, RecentPosts::kMostBytes))},
        sessions);
    if (options.stop_on_signals) reactor->stop_on_signals();
    const auto classic = static_cast<std::size_t>(std::count_if(
        sessions.begin(), sessions.end(),
        [](const RestoredSession& each) { return each.session.framing == Framing::kClassic; }));
    if (classic > 0) log.write(LogLevel::kInfo, fmt::format("sessions that go on: {}", classic));
    if (sessions.size() > classic) {
      log.write(LogLevel::kInfo, fmt::format("sealed sessions that are told to come back: {}",
                                             sessions.size() - classic));
    }
    for (const Endpoint& endpoint : listening) {
      log.write(LogLevel::kInfo, "listening on " + to_string(endpoint));
    }
  }

  Counters counters;
  Arrivals arrivals;
  StoreThread store;  // made before and unmade after everything that reads from it
  ReaderThread reader;
  LoginPool pool;
  Hub hub;
  std::unique_ptr<Reactor> reactor;
  std::vector<Endpoint> listening;
};

Service::Service(const ServiceOptions& options, const StoreThread::Open& open_store, Random& random,
                 Log& log)
    : impl_(std::make_unique<Impl>(options, open_store, random, log)) {}

Service::~Service() = default;

const std::vector<Endpoint>& Service::listening() const { return impl_->listening; }
void Service::run() { impl_->reactor->run(); }
bool Service::store_has_failed() const { return impl_->store.has_failed(); }
void Service::stop() { impl_->reactor->stop(); }

}  // namespace hub::server
