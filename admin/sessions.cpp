// The commands about a server at work: who is online, and its figures. With the server down, what
// the database keeps of them.
#include <algorithm>

#include <fmt/format.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/listing.hpp"
#include "admin/writer.hpp"
#include "protocol/limits.hpp"
#include "store/sqlite_store.hpp"

namespace hub::admin {

namespace {

Row row_of(const control::SessionRow& session) {
  Value last_active;
  if (session.last_active) last_active = *session.last_active;
  return {session.account,      session.state, session.framing,       session.address,
          session.online_since, last_active,   session.unacknowledged};
}

Row row_of(const store::StoredSession& session) {
  return {session.name,
          std::string("stored"),
          std::string(session.framing == Framing::kClassic ? "classic" : "sealed"),
          to_string(session.remote),
          session.online_since,
          std::monostate(),
          std::monostate()};
}

tl::unexpected<Failure> odd_answer() {
  return fail(ExitCode::kUnreachable,
              "hubd's answer does not fit what was asked; are hubd and hubadmin of the same "
              "version?");
}

Result list_live(Writer& server, Listing& listing) {
  for (control::ListSessions next;;) {
    const auto reply = server.perform(next);
    if (!reply) return tl::unexpected(reply.error());
    if (const auto* refused = std::get_if<control::Refused>(&*reply)) {
      return tl::unexpected(failure_of(*refused));
    }
    const auto* page = std::get_if<control::SessionPage>(&*reply);
    if (page == nullptr) return odd_answer();
    for (const control::SessionRow& session : page->rows) listing.add(row_of(session));
    if (!page->next) return {};
    if (*page->next <= next.after) return odd_answer();  // it would never end
    next.after = *page->next;
  }
}

Result list_stored(store::Reader& reader, Listing& listing) {
  for (store::SessionKey after;;) {
    const auto page = checked(reader.sessions(after, kControlPageRows));
    if (!page) return tl::unexpected(page.error());
    for (const store::StoredSession& session : *page) listing.add(row_of(session));
    if (page->size() < kControlPageRows) return {};
    after = {page->back().account, page->back().framing, page->back().token};
  }
}

}  // namespace

Result list_sessions(const Context& context, const Options& options) {
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto server = reach_server(context);
  if (!server) return tl::unexpected(server.error());
  Listing listing(
      context.console.out(), options.json,
      {"account", "state", "framing", "address", "online_since", "last_active", "unacknowledged"});
  auto listed = *server ? list_live(**server, listing) : list_stored((*reader)->reader(), listing);
  listing.finish();
  return listed;
}

Result end_session(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = find_account((*reader)->reader(), *name);
  if (!account) return tl::unexpected(account.error());
  const auto writer = open_writer(context);
  if (!writer) return tl::unexpected(writer.error());
  auto done = perform_done(**writer, control::EndSession{account->name});
  if (done) context.console.out() << fmt::format("the sessions of {} are over\n", account->name);
  return done;
}

Result stats(const Context& context, const Options& options) {
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto counts = checked((*reader)->reader().counts());
  if (!counts) return tl::unexpected(counts.error());
  const auto server = reach_server(context);
  if (!server) return tl::unexpected(server.error());

  Fields fields = {{"server", std::string(*server ? "up" : "down")},
                   {"accounts", counts->accounts},
                   {"disabled_accounts", counts->disabled_accounts},
                   {"follows", counts->follows},
                   {"stored_sessions", counts->sessions},
                   {"last_post", counts->last_post}};
  std::error_code error;
  const auto bytes = std::filesystem::file_size(context.data.database(), error);
  if (!error) fields.emplace_back("database_bytes", std::uint64_t{bytes});
  if (*server) {
    const auto reply = (*server)->perform(control::Stats{});
    if (!reply) return tl::unexpected(reply.error());
    if (const auto* refused = std::get_if<control::Refused>(&*reply)) {
      return tl::unexpected(failure_of(*refused));
    }
    const auto* figures = std::get_if<control::Figures>(&*reply);
    if (figures == nullptr) return odd_answer();
    for (const auto& [figure, value] : figures->numbers) fields.emplace_back(figure, value);
  }
  write_record(context.console.out(), options.json, fields);
  return {};
}

}  // namespace hub::admin
