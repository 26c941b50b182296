#!/bin/sh
# Everything that is generated and committed, from the tables it is generated
# from: api/openapi.json, and in README.md what stands between
#     <!-- generated: losses -->  and  <!-- end of losses -->
# and likewise for settings.
#
#     tests/describe.sh write build/tests/describe
#     tests/describe.sh check build/tests/describe    fails if one is out of date
set -eu

what=$1
describe=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A file with the text between its two marks replaced; fails if they are not
# there, each once.
replace_block() { # name, file
	"$describe" "$1" > "$work/block"
	awk -v open="<!-- generated: $1 -->" -v close_="<!-- end of $1 -->" -v block="$work/block" '
		$0 == close_ { inside = 0; closed++ }
		!inside { print }
		$0 == open {
			inside = 1; opened++
			print ""
			while ((getline line < block) > 0) print line
			print ""
		}
		END { exit !(opened == 1 && closed == 1) }' "$2" ||
		{ echo "$2 has no place for the table of $1, or several" >&2; return 1; }
}

generate() {
	"$describe" openapi > "$work/openapi.json"
	replace_block losses README.md > "$work/README.1"
	replace_block settings "$work/README.1" > "$work/README.md"
}

generate
status=0
for file in api/openapi.json README.md; do
	new=$work/$(basename "$file")
	if cmp -s "$file" "$new"; then
		echo "$file is up to date"
	elif [ "$what" = write ]; then
		cp "$new" "$file"
		echo "$file is written anew"
	else
		diff -u "$file" "$new" | head -40 || true
		echo "$file is out of date: make describe" >&2
		status=1
	fi
done
exit $status
