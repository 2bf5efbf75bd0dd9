#!/usr/bin/env bash
# Fails on an #include against an arrow of the map (docs/ARCHITECTURE.md), and on a clock that is
# read outside the run loops of the programs. Usage: layering.sh SOURCE_TREE
set -u
cd "${1:?usage: layering.sh SOURCE_TREE}" || exit 2
bad=0

# deny FOLDER PATTERN WHY: no #include "PATTERN..." below FOLDER.
deny() {
  local hits
  hits=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*\"($2)/" "$1" --include='*.hpp' --include='*.cpp')
  if [ -n "$hits" ]; then
    printf '%s must not include %s (%s):\n%s\n' "$1" "$2" "$3" "$hits"
    bad=1
  fi
}

deny protocol 'store|server|client|admin|tests|bench' 'protocol knows no other room'
deny store 'server|client|admin|tests|bench' 'store -> protocol'
deny server 'client|admin|tests|bench' 'server -> store, protocol'
deny client 'store|server|admin|tests|bench' 'client -> protocol'
deny admin 'server|client|tests|bench' 'admin -> store, protocol'
deny server/core 'server/net' 'core is pure'
deny client/core 'client/net' 'core is pure'

# The pure rooms name no socket, thread, clock or file; nothing but the store room knows SQL.
pure=$(grep -rnE '#[[:space:]]*include[[:space:]]*<(asio[./].*|thread|mutex|condition_variable|fstream|sys/socket\.h|unistd\.h)>' \
  protocol server/core client/core --include='*.hpp' --include='*.cpp')
if [ -n "$pure" ]; then
  printf 'a pure room includes a socket, thread or file header:\n%s\n' "$pure"
  bad=1
fi
sql=$(grep -rnE '#[[:space:]]*include[[:space:]]*<(SQLiteCpp/.*|sqlite3\.h)>' \
  protocol server client admin --include='*.hpp' --include='*.cpp')
if [ -n "$sql" ]; then
  printf 'only store/ knows SQL:\n%s\n' "$sql"
  bad=1
fi

# Run loops read the clock once a turn; everybody else is handed `now`.
loops='^(server/net/(reactor|store_thread)|client/net/loop|admin/clock)\.cpp:'
clocks=$(grep -rnE '_clock::now\(|\bclock_gettime\(|\bgettimeofday\(|[^_[:alnum:]]time\((NULL|nullptr|0|&)' \
  protocol store server client admin --include='*.hpp' --include='*.cpp' | grep -vE "$loops")
if [ -n "$clocks" ]; then
  printf 'a clock is read outside a run loop:\n%s\n' "$clocks"
  bad=1
fi
exit $bad
