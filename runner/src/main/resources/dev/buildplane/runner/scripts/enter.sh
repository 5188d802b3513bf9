#!/bin/sh
# First process of the step's own mount and process namespaces: assembles its root, moves into it, runs the command.
# usage: enter.sh SCRIPTS DIR WORKDIR COMMAND...
. "$1/tools.sh"
bp_scripts=$1
bp_dir=$2
shift 2
if ! "$bp_sh" -eu "$bp_scripts/mount.sh" "$bp_scripts" "$bp_dir" >"$bp_dir/setup.log" 2>&1; then
  : >"$bp_dir/setup-failed"
  exit 121
fi
cd "$bp_dir/root" && "$bp_pivot_root" . .old && cd / || {
  : >"$bp_dir/setup-failed"
  exit 121
}
"$bp_umount" -l /.old && "$bp_rmdir" /.old
exec "$bp_chroot" . "$bp_sh" /.buildplane/run.sh /.buildplane "$@"
