// The writer's SQL, prepared once.
#pragma once

#include <string>

#include "protocol/fault.hpp"
#include "store/rows.hpp"
#include "store/sqlite_writer.hpp"
#include "store/statement.hpp"

namespace hub::store {

struct Writer::Statements {
  explicit Statements(SQLite::Database& database) : db(database) {}
  SQLite::Database& db;

  SQLite::Statement begin{db, "BEGIN IMMEDIATE"};
  SQLite::Statement commit{db, "COMMIT"};
  SQLite::Statement savepoint{db, "SAVEPOINT request"};
  SQLite::Statement release{db, "RELEASE request"};
  SQLite::Statement undo{db, "ROLLBACK TO request"};

  SQLite::Statement insert_post{
      db,
      "INSERT INTO posts (id, author, previous, at, text, device, sequence)"
      " VALUES (?, ?, ?, ?, ?, ?, ?)"};
  SQLite::Statement clear_post{db,
                               "UPDATE posts SET text = NULL WHERE id = ? AND text IS NOT NULL"};
  SQLite::Statement find_post{db, "SELECT author, previous FROM posts WHERE id = ?"};
  SQLite::Statement remove_post{db, "DELETE FROM posts WHERE id = ?"};

  SQLite::Statement insert_follow{db,
                                  "INSERT INTO follows (follower, followee, since) VALUES (?, ?, ?)"
                                  " ON CONFLICT DO NOTHING"};
  SQLite::Statement is_followed{db, "SELECT 1 FROM follows WHERE follower = ? AND followee = ?"};
  SQLite::Statement count_follows{db, "SELECT count(*) FROM follows WHERE follower = ?"};
  SQLite::Statement remove_follow{db, "DELETE FROM follows WHERE follower = ? AND followee = ?"};
  SQLite::Statement followees{db,
                              "SELECT followee, since FROM follows WHERE follower = ?"
                              " ORDER BY followee"};
  SQLite::Statement follows_from{
      db, "SELECT follower, followee FROM follows WHERE follower = ? ORDER BY followee LIMIT ?"};
  SQLite::Statement follows_to{
      db, "SELECT follower, followee FROM follows WHERE followee = ? ORDER BY follower LIMIT ?"};

  SQLite::Statement open_session{
      db,
      "INSERT OR REPLACE INTO sessions (account, framing, device, token, remote_ip, remote_port,"
      " remote_scope, local_ip, local_port, local_scope, magic, online_since)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  SQLite::Statement find_session{
      db, "SELECT device FROM sessions WHERE account = ? AND framing = ? AND token = ?"};
  SQLite::Statement move_session{
      db,
      "UPDATE sessions SET remote_ip = ?, remote_port = ?, remote_scope = ?, local_ip = ?,"
      " local_port = ?, local_scope = ? WHERE account = ? AND framing = 1 AND device = ?"};
  SQLite::Statement close_session{
      db, "DELETE FROM sessions WHERE account = ? AND framing = ? AND device = ?"};
  SQLite::Statement end_sessions{db, "DELETE FROM sessions WHERE account = ?"};

  SQLite::Statement find_device{db, std::string("SELECT ") + kDeviceColumns +
                                        " FROM devices d WHERE d.account = ? AND d.device = ?"};
  SQLite::Statement device_results{
      db, std::string("SELECT ") + RequestLedger::kColumns + " FROM devices WHERE id = ?"};
  SQLite::Statement insert_device{
      db,
      "INSERT INTO devices (account, device, resume_key, created, last_seen, mark)"
      " VALUES (?, ?, ?, ?, ?, ?)"};
  SQLite::Statement see_device{
      db, "UPDATE devices SET last_seen = ?, mark = max(mark, ?) WHERE id = ?"};
  SQLite::Statement set_resume_key{db, "UPDATE devices SET resume_key = ? WHERE id = ?"};
  SQLite::Statement erase_resume_key{db, "UPDATE devices SET resume_key = NULL WHERE id = ?"};
  SQLite::Statement erase_resume_keys{db, "UPDATE devices SET resume_key = NULL WHERE account = ?"};
  SQLite::Statement set_results{db, "UPDATE devices SET done = ?, ok = ?, failed = ? WHERE id = ?"};
  // What is beyond the newest so many, as many as there are. A device that has a session is being
  // used, however long ago that was written down.
  SQLite::Statement surplus_devices{
      db, std::string("SELECT id FROM devices d WHERE account = ? AND id <> ? ORDER BY ") +
              (fault("online_device_evicted") ? "" : kIsOnline + std::string(" DESC, ")) +
              "last_seen DESC, id DESC LIMIT -1 OFFSET ?"};
  SQLite::Statement devices_of{db, "SELECT id FROM devices WHERE account = ?"};
  SQLite::Statement remove_device{db, "DELETE FROM devices WHERE id = ?"};

  SQLite::Statement find_account{db, "SELECT id, name FROM accounts WHERE key = ?"};
  SQLite::Statement account_name{db, "SELECT name FROM accounts WHERE id = ?"};
  SQLite::Statement stored_key{db, "SELECT stored_key FROM accounts WHERE id = ?"};
  SQLite::Statement is_retired{db, "SELECT 1 FROM retired_ids WHERE key = ?"};
  SQLite::Statement insert_account{
      db,
      "INSERT INTO accounts (key, name, salt, kdf_memory, kdf_passes, stored_key, server_key,"
      " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"};
  SQLite::Statement set_password{
      db,
      "UPDATE accounts SET salt = ?, kdf_memory = ?, kdf_passes = ?, stored_key = ?,"
      " server_key = ? WHERE id = ?"};
  SQLite::Statement set_disabled{db, "UPDATE accounts SET disabled = ? WHERE id = ?"};
  SQLite::Statement set_last_post{db, "UPDATE accounts SET last_post = ? WHERE id = ?"};
  SQLite::Statement remove_account{db, "DELETE FROM accounts WHERE id = ?"};
  SQLite::Statement retire{
      db, "INSERT INTO retired_ids (key, at) SELECT key, ? FROM accounts WHERE id = ?"};

  SQLite::Statement set_heads_position{db, "UPDATE settings SET heads_position = ?"};
  SQLite::Statement set_highest_id{db, "UPDATE settings SET highest_id = ?"};
  SQLite::Statement insert_log{db, "INSERT INTO admin_log (at, command, target) VALUES (?, ?, ?)"};
};

template <typename Body>
Writer::ReplyBody Writer::atomically(Body&& body, Keep keep) {
  Use(sql_->savepoint).run();
  const auto undo = [this] {
    Use(sql_->undo).run();
    Use(sql_->release).run();
  };
  try {
    ReplyBody reply = body();
    if (keep == Keep::kUnlessRefused && std::holds_alternative<Refused>(reply)) {
      undo();
    } else {
      Use(sql_->release).run();
    }
    return reply;
  } catch (...) {
    // SQLite rolls back the whole transaction by itself after some errors; there is no savepoint
    // then.
    try {
      undo();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the first error is the cause
    }
    throw;
  }
}

}  // namespace hub::store
