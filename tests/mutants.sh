#!/usr/bin/env bash
# Switches on each deliberate fault of tests/mutants.txt in turn; some test must fail. The tests of
# the fault's own room run first, then the other rooms', then the end-to-end ones.
# Usage: mutants.sh BUILD_DIRECTORY [NAME ...]        exit 0: all caught
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
build=${1:?usage: mutants.sh BUILD_DIRECTORY [NAME ...]}
shift
bin=$PWD/$build/bin
jobs=${HUB_JOBS:-$(nproc)}

listed=$(grep -oE '^[a-z0-9_]+' tests/mutants.txt | sort)
planted=$(grep -rhoE 'fault\("[a-z0-9_]+"\)' protocol store server client admin --include='*.cpp' --include='*.hpp' |
  sed -E 's/fault\("(.*)"\)/\1/' | sort -u)
if [ "$listed" != "$(printf '%s\n' "$listed" | sort -u)" ] || [ "$listed" != "$planted" ]; then
  printf 'tests/mutants.txt (<) and the faults in the code (>) differ:\n' >&2
  diff <(printf '%s\n' "$listed") <(printf '%s\n' "$planted") >&2
  exit 1
fi

# A fault that is off must change nothing: the programs of this build pass first.
rooms="protocol store server client admin sim"
for room in $rooms; do
  if ! "$bin/test_$room" >/dev/null 2>&1; then
    printf 'test_%s fails without any fault\n' "$room" >&2
    exit 1
  fi
done

failing_case() {  # OUTPUT: the first failing test case's name
  grep -A2 -m1 -E '^-{60,}$' "$1" | sed -n 2p
}

caught=0
survived=()
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for name in ${@:-$listed}; do
  home=$(grep -rlF "fault(\"$name\")" protocol store server client admin | head -n 1 | cut -d/ -f1)
  by=
  for room in $home $(printf '%s\n' $rooms | grep -vx "$home"); do
    if ! HUB_FAULT=$name timeout 120 "$bin/test_$room" --abort >"$output" 2>&1; then
      by="test_$room: $(failing_case "$output")"
      break
    fi
  done
  if [ -z "$by" ] &&
    ! HUB_FAULT=$name ctest --test-dir "$build" -L e2e -j "$jobs" --stop-on-failure >"$output" 2>&1; then
    by=$(grep -m1 -oE '[0-9]+ - .* \((Failed|Timeout).*' "$output")
  fi
  if [ -n "$by" ]; then
    caught=$((caught + 1))
    printf 'caught    %-32s %s\n' "$name" "$by"
  else
    survived+=("$name")
    printf 'SURVIVED  %-32s\n' "$name"
  fi
done
printf '%d passed, %d failed\n' "$caught" "${#survived[@]}"
[ ${#survived[@]} -eq 0 ]
