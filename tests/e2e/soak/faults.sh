#!/usr/bin/env bash
# Switches on each fault of faults.txt, one after the other; hub-soak must find something violated.
# Usage: faults.sh HUB_SOAK [NAME ...]        exit 0: all found
set -u
soak=${1:?usage: faults.sh HUB_SOAK [NAME ...]}
shift
names=${*:-$(grep -E '^[a-z]' "$(dirname "${BASH_SOURCE[0]}")/faults.txt")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
for name in $names; do
  HUB_FAULT=$name "$soak" --kills 20 --directory "$work/$name" >"$work/out" 2>&1
  if [ $? -eq 1 ] && violation=$(grep -m1 '^VIOLATED' "$work/out"); then
    printf 'found   %-32s %.90s\n' "$name" "${violation#VIOLATED: }"
    passed=$((passed + 1))
  else
    printf 'MISSED  %-32s\n' "$name"
    failed=$((failed + 1))
  fi
  rm -rf "${work:?}/$name"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
