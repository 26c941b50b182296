#!/bin/sh
# Each public header compiles alone: in strict C11, those of the library in
# C++17 as well.
set -eu

strict='-Wall -Wextra -Wpedantic -Werror -fsyntax-only'

compiles() { # header, compiler and language
	header=$1
	shift
	printf '#include "%s"\ntypedef int not_empty;\n' "$header" | "$@" $strict -Ilib -Iapi -I. - ||
		{ echo "$header does not compile alone with $*" >&2; exit 1; }
	echo "$header: $*"
}

for header in lib/loss.h lib/loss_diagnose.h lib/loss_findings.h api/api.h api/problem.h; do
	compiles $header "$CC" -std=c11 -x c
done
for header in lib/loss.h lib/loss_diagnose.h lib/loss_findings.h; do
	compiles $header "$CXX" -std=c++17 -x c++
done
