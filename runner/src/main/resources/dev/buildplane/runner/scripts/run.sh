#!/bin/sh
# Runs a step's command, then keeps a copy of its output files, which may lie where nobody else can see them.
# usage: run.sh HOLD WORKDIR COMMAND...
# HOLD/collect lists the output files, one a line; the n-th is copied to HOLD/outputs/n, cut one byte past the limit.
bp_hold=$1
. "$bp_hold/tools.sh"
cd "$2" || exit 122
shift 2
trap : TERM INT HUP
"$@" &
bp_child=$!
while :; do
  wait "$bp_child"
  bp_code=$?
  kill -0 "$bp_child" 2>/dev/null || break
done
if [ "$bp_code" -eq 0 ]; then
  bp_number=0
  while IFS= read -r bp_path; do
    [ -f "$bp_path" ] && "$bp_head" -c 262145 <"$bp_path" >"$bp_hold/outputs/$bp_number"
    bp_number=$((bp_number + 1))
  done <"$bp_hold/collect"
fi
exit "$bp_code"
