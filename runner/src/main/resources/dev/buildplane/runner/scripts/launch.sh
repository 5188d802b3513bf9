#!/bin/sh
# Runs one step and records how it ended. Started in a session of its own; outlives the runner's JVM.
# usage: launch.sh SCRIPTS DIR isolated|plain WORKDIR COMMAND...
# The environment is the step's own: nothing here may export or overwrite a variable that is not called bp_*,
# and tools are called by the absolute paths in tools.sh.
. "$1/tools.sh"
bp_scripts=$1
bp_dir=$2
bp_mode=$3
shift 3

# Only one launcher ever gets past this line, however often a step is started.
"$bp_mkdir" "$bp_dir/claimed" 2>/dev/null || exit 120

bp_stat=
bp_boot=
[ -r /proc/$$/stat ] && read -r bp_stat </proc/$$/stat
[ -r /proc/sys/kernel/random/boot_id ] && read -r bp_boot </proc/sys/kernel/random/boot_id
bp_start=$(set -f; set -- ${bp_stat##*) }; echo "${20:-0}")
echo "$$ $bp_start ${bp_boot:-none}" >"$bp_dir/pid.new"
"$bp_mv" "$bp_dir/pid.new" "$bp_dir/pid"

trap : TERM INT HUP
if [ "$bp_mode" = isolated ]; then
  "$bp_unshare" $bp_unshare_flags "$bp_sh" "$bp_scripts/enter.sh" "$bp_scripts" "$bp_dir" "$@" &
else
  "$bp_sh" "$bp_dir/hold/run.sh" "$bp_dir/hold" "$@" &
fi
bp_child=$!
while :; do
  wait "$bp_child"
  bp_code=$?
  kill -0 "$bp_child" 2>/dev/null || break
done
echo "$bp_code" >"$bp_dir/exit.new"
"$bp_mv" "$bp_dir/exit.new" "$bp_dir/exit"
