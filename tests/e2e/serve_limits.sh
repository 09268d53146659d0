#!/bin/sh
# What a dump server is told to limit: bytes of a file, of the folder, free on the disk; gaps;
# transfers at a time and a second. And the limits that its process has.
# shellcheck disable=SC1091,SC2034,SC2059,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
for size in 10000 100000 1000000; do
	{ echo "$size" && head -c $((size - ${#size} - 1)) "$dir/core"; } >"$dir/of-$size"
done
exact() { done_as "$2" complete && is_file "$1" "$2"; }
sends_not() { ! send "$@" --time-factor 0.1; }
told() { grep -q "complete=no.* errors=[1-9].* code=$1 " "$dir/sent"; }
is_part() { # is_part SENT NAME BYTES: so much of it at least
	size=$(wc -c <"$dir/dumps/$2") && [ "$size" -ge "$3" ] && head -c "$size" "$dir/$1" | cmp - "$dir/dumps/$2"
}
note() { grep -q "\"$2\": \"$3\"" "$dir/dumps/$1.json"; } # note NAME KEY VALUE
hex() { printf "$1" | od -An -v -tx1 | tr -d ' \n'; }
afresh() {
	stop
	rm -rf "$dir/dumps"
	serve "$@"
}

# ---- a file ----
afresh --max-size 100000
check "--max-size: just as large" send --file "$dir/of-100000" --name just
check "is exact" exact of-100000 just
check "larger fails" sends_not --file "$dir/of-1000000" --name larger
check "the guest is told: code 3" told 3
check "done says incomplete" done_as larger incomplete
check "what came before is kept" is_part of-1000000 larger.incomplete 95000
check "the note says why" note larger.incomplete why limit

# ---- the folder ----
# An older file counts; a byte more than the limit does not fit.
stop
rm -rf "$dir/dumps"
mkdir "$dir/dumps"
cp "$dir/of-1000000" "$dir/dumps/older"
serve --max-total 1110000
check "--max-total: what fits beside an older file" send --file "$dir/of-100000" --name fits
check "is exact" exact of-100000 fits
check "one too large for the rest fails" sends_not --file "$dir/of-100000" --name larger
check "the guest is told: code 3" told 3
check "done says incomplete" done_as larger incomplete
check "and which limit it was" until_has '--max-total'
check "the last bytes of room too" send --file "$dir/of-10000" --name last
check "is exact" exact of-10000 last
check "one more does not even begin" sends_not --file "$dir/of-10000" --name more
check "the guest is told: code 3" told 3
check "refused says so" until_has '"event":"refused"'
check "no file was made" [ ! -e "$dir/dumps/more.incomplete" ]
total_is_kept() { [ "$(cat "$dir/dumps/"* | wc -c)" -le $((1110000 + 2000)) ]; }
check "the folder holds no more than that, but for the note" total_is_kept

# ---- the disk ----
afresh --min-free 1000000G
check "--min-free: more than the disk has" sends_not --file "$dir/of-10000" --name none
check "the guest is told: code 3" told 3
check "and which limit it was" until_has '--min-free'
afresh --min-free 1
check "a disk with more than that" send --file "$dir/of-10000" --name some
check "is exact" exact of-10000 some

# ---- gaps ----
afresh --max-seek 1M
check "--max-seek: a core without gaps" send --file "$dir/of-100000" --name even
check "is exact" exact of-100000 even
# WRQ for "gaps", a byte, SEEK to a MiB after it and to a byte more, as they are on the wire.
wrq=$(hex '\0\002gaps\0octet\0features\0\0\0\0\003\0\0\005\176')
data=$(hex '\0\003\0\0\0\001x')
just=$(hex '\0\006\0\0\0\002\0\0\0\0\0\020\0\001')
more=$(hex '\0\006\0\0\0\003\0\0\0\0\0\020\0\002')
says() { "$BUILD/badnet" say "127.0.0.1:$port" "$net.2" "$@" >"$dir/said"; }
answers() { [ "$(cut -c1-12 "$dir/said" | tr '\n' ' ')" = "$1" ]; }
check "a gap, and a larger one" says "$wrq" "$data" "$just" "$more"
check "the first is taken, the larger an error of code 3" answers '030400000000 000400000001 000400000002 000500000003 '
check "done says incomplete" done_as gaps incomplete
check "no gap was made in the file" [ "$(wc -c <"$dir/dumps/gaps.incomplete")" -eq 1 ]

# ---- transfers at a time ----
afresh --max-sessions 1
"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.3" --timeout 60s --delay 1ms \
	--file "$dir/of-1000000" --name long >/dev/null 2>&1 &
long=$!
until_has '"event":"started","name":"long"'
kill -STOP "$long" # so that it is not over too soon
check "--max-sessions: one too many fails" sends_not --file "$dir/of-10000" --name second
check "the guest is told: code 0" told 0
check "the event too" is refused second code 0
check "and nothing is made" absent second.partial
kill -CONT "$long"
wait "$long"
check "the first is exact" exact of-1000000 long
check "then the next may" send --file "$dir/of-10000" --name third
check "and is exact" exact of-10000 third

# ---- transfers a second ----
# Who comes too soon is left without an answer, and so comes again; an ERROR would end its dump.
afresh --max-rate 1
at_once() {
	senders=
	for i in 1 2 3 4; do
		"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.$i" --timeout 60s --time-factor 0.1 \
			--file "$dir/of-10000" --name "once-$i" >"$dir/sent-$i" 2>&1 &
		senders="$senders $!"
	done
	for s in $senders; do wait "$s" || return 1; done
}
check "--max-rate 1: four guests at once all end well" at_once
check "some were told to be too many" has 'too many new transfers a second'
no_errors() { [ "$(cat "$dir"/sent-? | grep -c ' errors=0 ')" = 4 ]; }
check "not to their faces" no_errors
for i in 1 2 3 4; do check "guest $i's file is exact" exact of-10000 "once-$i"; done

# ---- the process's own ----
stop
rm -rf "$dir/dumps"
# A unit is 512 bytes or 1024, as the shell likes.
limited() {
	(ulimit -f 1 && head -c 1024 "$dir/core" >"$dir/unit") 2>/dev/null
	units=$((500000 / $(wc -c <"$dir/unit")))
	ulimit -f "$units" && exec "$@"
}
under=limited
serve
under=
check "ulimit -f: a smaller file" send --file "$dir/of-100000" --name small
check "is exact" exact of-100000 small
check "a larger one fails" sends_not --file "$dir/of-1000000" --name large
check "the guest is told: code 3" told 3
check "done says incomplete" done_as large incomplete
check "what came is kept" is_part of-1000000 large.incomplete 400000
check "the server goes on" send --file "$dir/of-10000" --name next
check "and the next is exact" exact of-10000 next
stop
done_testing
