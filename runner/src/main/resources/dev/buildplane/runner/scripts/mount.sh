#!/bin/sh
# Assembles a step's root directory in DIR/root, inside the step's mount namespace, so nothing of it is seen outside.
# The host's directories are there read-only; /tmp, the volumes and the paths that DIR/mounts makes writable are not.
# usage: mount.sh SCRIPTS DIR
# DIR/mounts holds one mount a line, fields parted by tabs: "hide PATH" or "bind SOURCE TARGET rw|ro".
. "$1/tools.sh"
bp_dir=$2
bp_root=$bp_dir/root
bp_newline='
'
# Directories below which we may make directories without touching the host.
bp_ours="$bp_newline/tmp$bp_newline/var/tmp$bp_newline/.buildplane$bp_newline"
bp_shadows=0

bp_is_ours() {
  bp_path=$1
  [ "$bp_path" = / ] && return 0
  while [ "$bp_path" != / ] && [ -n "$bp_path" ]; do
    case $bp_ours in *"$bp_newline$bp_path$bp_newline"*) return 0 ;; esac
    bp_path=${bp_path%/*}
  done
  return 1
}

# Makes a path of the host visible at the same place.
bp_graft() {
  if [ -L "$1" ]; then
    "$bp_ln" -s "$("$bp_readlink" "$1")" "$bp_root$1"
  elif [ -d "$1" ]; then
    "$bp_mkdir" "$bp_root$1"
    "$bp_mount" --rbind "$1" "$bp_root$1"
    # Refused where the host locked the mount's flags (user namespaces); the user's own rights protect the host there.
    [ "$1" = /dev ] || "$bp_mount" -o remount,bind,ro "$bp_root$1" 2>/dev/null || :
  elif [ -e "$1" ]; then
    : >"$bp_root$1"
    "$bp_mount" --bind "$1" "$bp_root$1"
  fi
}

# Lays a writable layer over a directory of the host.
bp_shadow() {
  bp_shadows=$((bp_shadows + 1))
  bp_layer=$bp_dir/shadow/$bp_shadows
  "$bp_mkdir" -p "$bp_layer/upper" "$bp_layer/work"
  if ! "$bp_mount" -t overlay overlay -o "lowerdir=$1,upperdir=$bp_layer/upper,workdir=$bp_layer/work" "$bp_root$1" 2>/dev/null; then
    "$bp_mount" -t tmpfs -o size=16m,mode=755 tmpfs "$bp_root$1"
    for bp_entry in "$1"/* "$1"/.[!.]*; do bp_graft "$bp_entry"; done
  fi
  bp_ours="$bp_ours$1$bp_newline"
}

# Makes sure that a directory to mount on exists in the new root, without making it on the host.
bp_place() {
  [ -e "$bp_root$1" ] && return 0
  bp_deepest=${1%/*}
  while [ -n "$bp_deepest" ] && [ ! -e "$bp_root$bp_deepest" ]; do bp_deepest=${bp_deepest%/*}; done
  bp_is_ours "${bp_deepest:-/}" || bp_shadow "$bp_deepest"
  if [ -d "$2" ]; then
    "$bp_mkdir" -p "$bp_root$1"
  else
    "$bp_mkdir" -p "$bp_root${1%/*}"
    : >"$bp_root$1"
  fi
}

"$bp_mount" -t tmpfs -o size=64m,mode=755 tmpfs "$bp_root"
for bp_top in /* /.[!.]*; do
  case $bp_top in
    /tmp | /proc) "$bp_mkdir" "$bp_root$bp_top" ;;
    *) bp_graft "$bp_top" ;;
  esac
done
"$bp_mount" -t proc proc "$bp_root/proc" 2>/dev/null || "$bp_mount" --rbind /proc "$bp_root/proc"
"$bp_mount" --bind "$bp_dir/tmp" "$bp_root/tmp"
[ -d "$bp_root/var/tmp" ] && "$bp_mount" --bind "$bp_dir/vartmp" "$bp_root/var/tmp"
"$bp_mkdir" "$bp_root/.buildplane" "$bp_root/.old"
"$bp_mount" --bind "$bp_dir/hold" "$bp_root/.buildplane"

bp_tab='	'
while IFS="$bp_tab" read -r bp_kind bp_first bp_second bp_access; do
  case $bp_kind in
    hide)
      if [ -d "$bp_root$bp_first" ]; then
        "$bp_mount" -t tmpfs -o size=1m,mode=755 tmpfs "$bp_root$bp_first"
        bp_ours="$bp_ours$bp_first$bp_newline"
      fi
      ;;
    bind)
      bp_place "$bp_second" "$bp_first"
      "$bp_mount" --bind "$bp_first" "$bp_root$bp_second"
      bp_ours="$bp_ours$bp_second$bp_newline"
      [ "$bp_access" = rw ] || "$bp_mount" -o remount,bind,ro "$bp_root$bp_second"
      ;;
  esac
done <"$bp_dir/mounts"
