# shellcheck shell=bash
# For the install scripts, which source it: what they get, they get once, into the cache.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd

# once NAME FUNCTION: prints the folder NAME of the cache. Where it is not there yet, FUNCTION makes
# what is to be in it in the folder $new; in $work it may leave what nobody needs. What FUNCTION
# prints goes to stderr. Safe to run twice, and twice at once.
once() {
  local folder=$cache/$1
  if [ ! -d "$folder" ]; then
    mkdir -p "$(dirname "$folder")"
    exec 9>"$cache/.${1//\//-}.lock"
    flock 9
  fi
  if [ ! -d "$folder" ]; then
    work=$(mktemp -d "$cache/.new-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    new=$work/new
    mkdir "$new" "$work/unpacked"
    "$2" >&2
    # Only where the caller asks whether it worked does a failure come by here.
    local status=$?
    ((status == 0)) || return $status
    mv -T "$new" "$folder"
  fi
  echo "$folder"
}
