#!/bin/sh
# Run parts of the tests one after the other, whatever fails, and sum up.
#
#     tests/parts.sh headers unit server
#
# A part <name> is `make test-<name>`.  Fails if any part fails.
set -u

summary=
failed=0
for part in "$@"; do
	printf '\n==== %s\n' "$part"
	start=$(date +%s)
	if ${MAKE:-make} "test-$part"; then
		verdict=passed
	else
		verdict=FAILED
		failed=1
	fi
	seconds=$(($(date +%s) - start))
	summary="$summary$(printf '%-10s %s  %4d s' "$part" "$verdict" "$seconds")
"
done

printf '\n==== summary\n%s' "$summary"
exit $failed
