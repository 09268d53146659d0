#!/bin/sh
# paniclab inspect --rules: own rules for naming panics, and errors that name their line.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
has() { grep -qF -- "$1" "$2"; }
inspect() { "$PANICLAB" inspect --json "$@" >"$dir/out" 2>"$dir/err"; }
fails() { inspect --rules "$1" "$dir/log"; [ $? -eq 2 ]; }

{
	printf 'panic(cpu 1 caller 0x1): "ring lost"@/src/a.c:5\n'
	printf 'Backtrace (CPU 1), Frame : Return Address\n'
	printf '0x1 : 0x1 mach_kernel : _vnode_put + 0x1f\n'
	printf '0x2 : 0x2 com.apple.mine : _helper + 0x1f\n'
	printf '0x3 : 0x3 org.example.ring : _go + 0x1f\n'
} >"$dir/log"

inspect "$dir/log"
check 'the first frame, then those of own kexts' \
	has '"signature_title": "panic: ring lost in vnode_put < org.example.ring:go"' "$dir/out"
classless() { ! grep -q signature_class "$dir/out"; }
check 'no class' classless

printf '# ours\nown com.apple.mine\nother org.example.*\nskip vnode_*\ninterest *ring*\n' >"$dir/rules"
inspect --rules "$dir/rules" "$dir/log"
check 'own rules come first' has '"signature_title": "panic: ring lost in com.apple.mine:helper"' "$dir/out"
check 'and class a panic' has '"signature_class": "interest"' "$dir/out"
"$PANICLAB" inspect --rules "$dir/rules" "$dir/log" >"$dir/out"
check 'as text too' grep -q 'Class  *interest' "$dir/out"

printf 'own a\n\nskp b\n' >"$dir/rules"
check 'a slip is a usage error' fails "$dir/rules"
check 'at its line' has "$dir/rules:3: unknown rule 'skp'" "$dir/err"
check 'with the nearest word' has "did you mean 'skip'?" "$dir/err"
check 'and nothing is printed' test ! -s "$dir/out"
printf 'own \000\n' >"$dir/rules"
check 'bytes that are no text' fails "$dir/rules"
check 'no file' fails "$dir/none"
check 'it is named' has "$dir/none" "$dir/err"

# The same in a lab file, for the runs in it.
{
	printf 'guests:\n  g:\n    vm: {name: n}\n    ssh: {user: u, known_hosts: /h}\n'
	printf 'signature_rules: rules\n'
} >"$dir/lab.yaml"
printf 'skp b\n' >"$dir/rules"
check 'a lab with rules that are none' run 2 validate "$dir/lab.yaml"
check 'names their line' has "$dir/rules:1: unknown rule 'skp'" "$dir/err"
printf 'skip b\n' >"$dir/rules"
check 'with good ones it is valid' run 0 validate "$dir/lab.yaml"
check 'and printed with its path' has "signature_rules: $dir/rules" "$dir/out"

done_testing
