#!/bin/sh
# Turns files into one C table: sh tools/embed.sh TABLE FILE...
# The table ends with a NULL name; each text is followed by a NUL byte.
set -eu
table=$1
shift
echo "/* Made by tools/embed.sh; do not edit. */"
echo '#include "base/embed.h"'
n=0
for f in "$@"; do
	echo "static const unsigned char file_${n}[] = {"
	od -An -v -tx1 "$f" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo "0x00};"
	n=$((n + 1))
done
echo "extern const struct pl_embedded ${table}[];"
echo "const struct pl_embedded ${table}[] = {"
n=0
for f in "$@"; do
	echo "	{\"$(basename "$f")\", (const char *)file_${n}, sizeof file_${n} - 1},"
	n=$((n + 1))
done
echo "	{0, 0, 0},"
echo "};"
