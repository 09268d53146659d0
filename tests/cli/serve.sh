#!/bin/sh
# paniclab serve, against the simulated kernel's own sender: events, files, exit codes, signals.
# shellcheck disable=SC1091,SC2119,SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh
mode_is_0600() { [ -n "$(find "$dir/dumps/$1" -perm 600)" ]; }

"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
gzip -c <"$dir/core" >"$dir/core.gz"
head -c 20000 "$dir/core.gz" >"$dir/cut.gz"
printf 'panic(cpu 0 caller 0xffffff8017a00000): Y' >"$dir/log"
od -An -v -tx1 "$dir/cut.gz" | head -c 20000 >"$dir/long-log"

helps() { "$BUILD/kernsim" "$@" >"$dir/help" 2>&1 && grep -q '^usage: kernsim' "$dir/help"; }
check "kernsim send --help is its usage" helps send --help

# ---- one dump ----
serve --once
check "a gzip core is taken" send --file "$dir/core.gz" --name core-a.gz
check "--once exits 0 after a complete dump" ends 0
check "the file is what was sent" is_file core.gz core-a.gz
check "it is private" mode_is_0600 core-a.gz
check "no partial file is left" absent core-a.gz.partial
check "started says the features" is started core-a.gz features 3
check "done says complete" is 'done' core-a.gz status complete
check "done says gzip ok" is 'done' core-a.gz gzip ok
check "done says the bytes" is 'done' core-a.gz bytes "$(wc -c <"$dir/core.gz" | tr -d ' ')"

serve --once
send --file "$dir/cut.gz" --name cut.gz
check "--once exits 1 after a truncated gzip with a clean end" ends 1
check "done says truncated" is 'done' cut.gz gzip truncated
check "it stays as incomplete" is_file cut.gz cut.gz.incomplete
check "and not under the final name" absent cut.gz

# ---- kinds of senders ----
serve
send --file "$dir/core.gz" --name core-a.gz
check "an existing file is refused" is refused core-a.gz code 6
send --file "$dir/core.gz" --name core-old --wrq old
check "an old kernel's dump" is_file core.gz core-old
check "has no features" is started core-old features 0
send --file "$dir/core" --name core-mask --wrq mask --features 1
check "a mask without a size" is_file core core-mask
send --file "$dir/core.gz" --name core-stale --wrq stale-size
check "a stale size" is_file core.gz core-stale
send --log --file "$dir/log" --name paniclog-a
check "a short log loses its junk tail only" is_file log paniclog-a
send --log --file "$dir/long-log" --name paniclog-b
check "a log of several packets" is_file long-log paniclog-b
send --log --file "$dir/long-log" --name paniclog-c --packet-size 600
check "a log in smaller packets" is_file long-log paniclog-c
send --log --file "$dir/long-log" --name systemlog-d --wrq old
check "a log of an old kernel" is_file long-log systemlog-d
send --core 4M --seeks --name core-seeks
check "a bare core with seeks is whole" is 'done' core-seeks status complete
check "and is the same core" is_file core core-seeks
send --file "$dir/core.gz" --name core-lossy.gz --loss 1 --dup 1 --seed 7
check "losses and duplicates" is_file core.gz core-lossy.gz
send --generate 10 --name '../evil'
check "an unsafe name is refused" is refused ../evil code 2
check "and nothing is made" [ ! -e "$dir/evil" ]

# ---- several at once ----
senders=
for i in 1 2 3 4; do
	"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.$((i + 1))" --file "$dir/core.gz" --name "many-$i.gz" \
		>/dev/null 2>&1 &
	senders="$senders $!"
done
for s in $senders; do wait "$s"; done
for i in 1 2 3 4; do check "guest $i of 4 at once" is_file core.gz "many-$i.gz"; done

# ---- signals ----
"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.2" --generate 1G --name core-stopped --timeout 30s \
	>/dev/null 2>&1 &
sender=$!
until_has '"name":"core-stopped"'
kill -TERM "$server"
check "SIGTERM exits 0" ends 0
kill "$sender" 2>/dev/null
wait "$sender" 2>/dev/null
check "what was under way is incomplete" is 'done' core-stopped status incomplete
check "and named so" [ -e "$dir/dumps/core-stopped.incomplete" ]

# ---- the dump dies ----
serve --once --idle-timeout 1s
send --generate 5M --name core-died --stop-at 1M
check "a guest that dies is noticed" ends 1
check "its file is kept" [ -e "$dir/dumps/core-died.incomplete" ]

# ---- decompressing ----
serve --once --decompress
send --file "$dir/core.gz" --name unpack.gz
check "--decompress exits 0" ends 0
check "the core is decompressed beside the dump" is_file core unpack
check "done says where" is 'done' unpack.gz core "$dir/dumps/unpack"
check "and the kernel's UUID" grep -q '"kernel_uuid":"[0-9A-F-]*"' "$dir/out"

# ---- a folder whose name is no UTF-8, as JSON has to be ----
odd=$(printf '%s/odd\377' "$dir")
# Some file systems have no such names.
if mkdir "$odd" 2>/dev/null; then
	"$PANICLAB" serve --bind 127.0.0.1 --port 0 --dir "$odd" --json --once \
		>"$dir/out" 2>"$dir/err" &
	server=$!
	until_has '"event":"listening"'
	port=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$dir/out")
	send --file "$dir/core.gz" --name odd.gz
	check "a dump into it" ends 0
	check "done says where, escaped" has '\\xff/odd.gz"'
fi

# ---- the command line ----
serve --allow 10.0.0.0/8
send --generate 10 --name not-allowed
check "--allow refuses others" is refused not-allowed code 2
serve --max-size 1M
send --generate 2M --name too-big
until_has '"event":"done"'
check "--max-size" is 'done' too-big status incomplete
stop
fails_with_2() { "$PANICLAB" serve "$@" >"$dir/out" 2>"$dir/err"; [ $? = 2 ]; }
check "a bad address is misuse" fails_with_2 --bind localhost
check "a bad port is misuse" fails_with_2 --port 70000
check "a bad prefix is misuse" fails_with_2 --allow 10.0.0.0/33
check "a bad size is misuse" fails_with_2 --max-size big
check "a bad time is misuse" fails_with_2 --idle-timeout never
dry() { "$PANICLAB" serve --dry-run --bind 127.0.0.1 --port 0 --dir "$dir/none" >"$dir/out" && has "$dir/none" && [ ! -e "$dir/none" ]; }
check "--dry-run makes nothing" dry
done_testing
