#!/bin/sh
# Commits only the given paths, one committer at a time: tools/commit.sh "message" path...
set -eu
message=$1
shift
exec flock .git/lateen-commit.lock sh -c 'git add -A -- "$@" && git commit -q -m "$0" -- "$@"' "$message" "$@"
