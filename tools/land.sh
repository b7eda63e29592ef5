#!/bin/sh
# Brings the commits of this worktree to main, one at a time with everybody else: tools/land.sh
# Rebases on main, checks, moves main forward. On a conflict: resolve, `git rebase --continue`, run it again.
set -eu
main=$(git worktree list --porcelain | sed -n '1s/^worktree //p')
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "commit first" >&2; exit 1; }
exec flock "$main/.git/lateen-commit.lock" sh -euc '
	git rebase -q main
	npm run -s check >"/tmp/land.$$.log" 2>&1 || { tail -60 "/tmp/land.$$.log"; echo "not landed: npm run check fails" >&2; exit 1; }
	git -C "$0" merge -q --ff-only "$(git rev-parse HEAD)"
	echo "landed $(git rev-parse --short HEAD)"
' "$main"
