#!/usr/bin/env bash
# Prints the mirror that this machine's apt uses of Debian, for other suites of it.
#
#   debian-mirror.sh SUITE
set -euo pipefail

case $1 in
  *-security) archive=debian-security ;;
  *) archive=debian ;;
esac
# shellcheck disable=SC2016 # the words are apt's
apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m 1 -E "/$archive/?$"
