#!/usr/bin/env bash
# Prints the mirror of Debian that this machine's apt uses, for other suites of it.
set -euo pipefail

# shellcheck disable=SC2016 # the words are apt's
apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m 1 -E '/debian/?$'
