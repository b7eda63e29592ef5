#!/bin/sh
# Brings the commits of this worktree to main, one at a time with everybody else: tools/land.sh
# Rebases on main, checks, runs the unit tests of the rooms that change, moves main forward. On a conflict: resolve, `git rebase --continue`, run it again.
set -eu
main=$(git worktree list --porcelain | sed -n '1s/^worktree //p')
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "commit first" >&2; exit 1; }
exec flock "$main/.git/lateen-commit.lock" sh -euc '
	git rebase -q main
	# A soft reset onto a newer main, or a conflict solved with the older file, would take the work of others back.
	taken=$(git diff --name-only main HEAD | while read -r file; do
		blob=$(git rev-parse -q --verify "HEAD:$file" || echo deleted)
		if [ "$blob" = deleted ]; then [ -n "${LAND_DELETES:-}" ] || echo "$file (deleted)"
		elif git log --raw --no-abbrev --format= -n 30 main -- "$file" | grep -q " $blob "; then echo "$file (an older version)"; fi
	done)
	[ -z "$taken" ] || { echo "not landed: this takes back what main has. If you mean to delete files: LAND_DELETES=1 tools/land.sh" >&2; echo "$taken" | head -40 >&2; exit 1; }
	log=/tmp/land.$$.log
	npm run -s check >"$log" 2>&1 || { tail -60 "$log"; echo "not landed: npm run check fails" >&2; exit 1; }
	rooms=$(git diff --name-only main -- src | sed -n "s|^\(src/proxy/[^/]*\)/.*|\1|p; s|^\(src/telemetry\)/.*|\1|p" | sort -u)
	[ -z "$rooms" ] || timeout 240 node_modules/.bin/node --test --test-timeout=60000 $(for room in $rooms src/proxy/runtime; do find "$room" -name "*.test.ts"; done | sort -u) >"$log" 2>&1 || {
		sed -n "/failing tests/,\$p" "$log" | head -60
		echo "not landed: unit tests fail" >&2
		exit 1
	}
	git -C "$0" merge -q --ff-only "$(git rev-parse HEAD)"
	echo "landed $(git rev-parse --short HEAD)"
' "$main"
