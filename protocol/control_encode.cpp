// The writing half of the control socket's language; control.cpp reads it.
#include <nlohmann/json.hpp>

#include "protocol/control.hpp"
#include "protocol/hex.hpp"

namespace hub::control {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Verifier& verifier) {
  return {{"salt", hex_text(verifier.salt)},
          {"memory_bytes", verifier.kdf.memory_bytes},
          {"passes", verifier.kdf.passes},
          {"stored_key", hex_text(verifier.stored_key)},
          {"server_key", hex_text(verifier.server_key)}};
}

struct CommandWriter {
  Json& out;

  void operator()(const AddUser& command) const { named(command); }
  void operator()(const SetPassword& command) const { named(command); }
  void operator()(const DisableUser& command) const { out["name"] = command.name; }
  void operator()(const EnableUser& command) const { out["name"] = command.name; }
  void operator()(const DeleteUser& command) const { out["name"] = command.name; }
  void operator()(const DeletePost& command) const { out["id"] = command.id; }
  void operator()(const EndSession& command) const { out["name"] = command.name; }
  void operator()(const ForgetDevice& command) const {
    out["name"] = command.name;
    out["device"] = hex_text(command.device);
  }
  void operator()(const ListSessions& command) const { out["after"] = command.after; }
  void operator()(const Stats&) const {}
  void operator()(const ReloadKeys&) const {}

  template <typename T>
  void named(const T& command) const {
    out["name"] = command.name;
    out["verifier"] = to_json(command.verifier);
  }
};

Json to_json(const SessionRow& row) {
  Json out = {{"account", row.account},
              {"state", row.state},
              {"framing", row.framing},
              {"address", row.address},
              {"online_since_us", row.online_since.time_since_epoch().count()}};
  if (row.last_active) out["last_active_us"] = row.last_active->time_since_epoch().count();
  out["unacknowledged"] = row.unacknowledged;
  return out;
}

struct ReplyWriter {
  Json& out;

  void operator()(const Done&) const {}
  void operator()(const Progress& reply) const { out["remaining"] = reply.remaining; }
  void operator()(const Refused& reply) const {
    out["error"] = word_of(reply.why);
    out["message"] = reply.message;
  }
  void operator()(const SessionPage& reply) const {
    Json& rows = out["sessions"] = Json::array();
    for (const SessionRow& row : reply.rows) rows.push_back(to_json(row));
    if (reply.next) out["next"] = *reply.next;
  }
  void operator()(const Figures& reply) const {
    // Pairs in a list, because a JSON object has no order.
    Json& numbers = out["figures"] = Json::array();
    for (const auto& [name, value] : reply.numbers) numbers.push_back(Json::array({name, value}));
  }
};

std::string line_of(const Json& json) {
  // Text that is no UTF-8 is replaced: dump() would throw.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string encode(const Command& command) {
  Json json;
  json["command"] = word_of(command);
  std::visit(CommandWriter{json}, command);
  return line_of(json);
}

std::string encode(const Reply& reply) {
  Json json;
  json["ok"] = !std::holds_alternative<Refused>(reply);
  std::visit(ReplyWriter{json}, reply);
  return line_of(json);
}

}  // namespace hub::control
