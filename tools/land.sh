#!/bin/sh
# Brings the commits of this worktree to main, one at a time with everybody else: tools/land.sh
# Rebases on main, checks, runs the unit tests of the rooms that change, moves main forward. On a conflict: resolve, `git rebase --continue`, run it again.
set -eu
main=$(git worktree list --porcelain | sed -n '1s/^worktree //p')
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "commit first" >&2; exit 1; }
exec flock "$main/.git/lateen-commit.lock" sh -euc '
	git rebase -q main
	log=/tmp/land.$$.log
	npm run -s check >"$log" 2>&1 || { tail -60 "$log"; echo "not landed: npm run check fails" >&2; exit 1; }
	rooms=$(git diff --name-only main -- src | sed -n "s|^\(src/proxy/[^/]*\)/.*|\1|p; s|^\(src/telemetry\)/.*|\1|p" | sort -u)
	[ -z "$rooms" ] || node_modules/.bin/node --test --test-timeout=60000 $(for room in $rooms src/proxy/runtime; do find "$room" -name "*.test.ts"; done | sort -u) >"$log" 2>&1 || {
		sed -n "/failing tests/,\$p" "$log" | head -60
		echo "not landed: unit tests fail" >&2
		exit 1
	}
	git -C "$0" merge -q --ff-only "$(git rev-parse HEAD)"
	echo "landed $(git rev-parse --short HEAD)"
' "$main"
