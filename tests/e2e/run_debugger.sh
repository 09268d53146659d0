#!/bin/sh
# A run lets lldb read the core: its backtrace is in the report, by name where a debug kit has the kernel. Without an
# lldb, or with one that fails or prints what it should not, the run is the same.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh
lldb=$(command -v lldb-14 || command -v lldb)
# The host's own kits must not decide a test.
PANICLAB_KDKS=$WORK/none
export PANICLAB_KDKS

new_lab
"$SIMLAB" kdk --macos 10.12.6 --out "$WORK/my kits"
lab_set "s|folders: .*|folders: [\"$WORK/my kits\"]|"
# A kit with macros, it seems, but lldb gets none from it: what fails must not keep the rest from being tried.
mkdir "$WORK/my kits/KDK_10.12.6_16G29.kdk/System/Library/Kernels/kernel.dSYM/Contents/Resources/Python"

if [ -n "$lldb" ]; then
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages
	export PYTHONPATH
	run_lab
	is $STATUS 0 "a run with lldb and a kit"
	[ $STATUS -eq 0 ] || show "$ERR"
	is "$(field '[.debugger.status, (.debugger.kexts | tostring), (.debugger.detail // "")] | join(" ")')" "ok 0 " "lldb read the core"
	is "$(field .debugger.kit)" "$WORK/my kits/KDK_10.12.6_16G29.kdk" "with the kit"
	is "$(field .debugger.kernel)" "$WORK/my kits/KDK_10.12.6_16G29.kdk/System/Library/Kernels/kernel" "... and its kernel of that UUID"
	# The addresses of the panic text are xnu's. lldb leaves out the outermost; between them it may have found more, as
	# the simulated kernel's code is zeroes and shows no unwinder the way.
	field '[.debugger.backtrace[].address] | join("\n")' >"$WORK/lldb"
	field '[.panic.backtrace[:-1][].address] | join("\n")' >"$WORK/text"
	[ -s "$WORK/text" ] && ! grep -qvxFf "$WORK/lldb" "$WORK/text"
	ok $? "its backtrace is the panic's"
	is "$(field '[.debugger.backtrace[] | select(.image == "kernel") | select(.symbol == "dtrace_action_panic")] | length')" 1 "by name: what the trigger calls"
	dir=$(run_dir)
	has "$(cat "$dir/report.md")" "## Debugger" "report.md has it"
	has "$(cat "$dir/report.md")" "kernel\`dtrace_action_panic + " "... by name"
	has "$(cat "$dir/report.html")" '<td class="mono">dtrace_action_panic</td><td class="mono">kernel</td>' "report.html has it"
	has "$(cat "$OUT")" "debugger  $lldb" "the summary says who"
	has "$(cat "$OUT")" "kernel\`dtrace_action_panic + " "... and what"
	has "$(cat "$dir/logs/debugger.log")" "Kernel slid" "what lldb said is kept"
	has "$(cat "$dir/logs/debugger.log")" "'showcurrentstacks' is not a valid command" "... of all commands, whichever failed"
	core=$dir/$(field '.evidence[] | select(.kind == "core") | .path')
	has "$(cat "$dir/logs/debugger.lldb")" "--core \"$core\"" "and the commands that open the core"
	HOME=$WORK timeout 60 "$lldb" --batch -s "$dir/logs/debugger.lldb" >"$WORK/again" 2>&1 </dev/null
	has "$(cat "$WORK/again")" "kernel\`dtrace_action_panic + " "which do so by hand"
	is "$(find "$dir" -perm /077 | wc -l)" 0 "nobody else may read them"
else
	skip "lldb reads the core" "no lldb"
fi

# An lldb that prints what a guest might have made it print
mkdir "$WORK/bin"
cat >"$WORK/bin/lldb" <<'EOF'
#!/bin/sh
printf '* frame #0: 0xffffff8000001000 <script>alert(1)</script>`\033[31mpanic(x="|`") at \033]0;t\007.c:1:2\n'
exit 3
EOF
chmod +x "$WORK/bin/lldb"
lab_set "s|folders: .*|folders: [\"$WORK/nowhere\"]|" "s|debugger: .*|debugger: lldb|"
before=$PATH
PATH=$WORK/bin:$PATH
run_lab
PATH=$before
is $STATUS 0 "a run with an odd lldb"
is "$(field '.debugger.status + ": " + .debugger.detail')" "ok: no debug kit with this kernel: addresses only" "says that it has no names"
dir=$(run_dir)
LC_ALL=C tr -d '\n' <"$OUT" | LC_ALL=C grep -q '[[:cntrl:]]'
is $? 1 "no control bytes reach the terminal"
LC_ALL=C tr -d '\n\t' <"$dir/report.md" | LC_ALL=C grep -q '[[:cntrl:]]'
is $? 1 "... nor report.md"
grep -q '<script>alert' "$dir/report.html"
is $? 1 "and no markup report.html"

# One that fails, and none at all
printf '#!/bin/sh\necho "error: no luck \033[31m" >&2\nexit 1\n' >"$WORK/bin/lldb"
PATH=$WORK/bin:$before
run_lab
PATH=$before
is $STATUS 0 "a run with an lldb that fails"
is "$(field '.debugger.status')" failed "is noted"
has "$(field '.debugger.detail')" "no backtrace: it said: error: no luck" "with its last words"
has "$(cat "$ERR")" "no backtrace (it said: error: no luck" "and said"
mkdir "$WORK/empty"
lab_set "s|debugger: .*|debugger: auto|"
# shellcheck disable=SC2123 # an lldb must not be in it
PATH=$WORK/empty
run_lab
PATH=$before
is $STATUS 0 "a run without lldb"
is "$(field .debugger.status)" absent "is noted"
is "$(grep -c 'no lldb' "$ERR")" 1 "and said once"
lab_set "s|debugger: .*|debugger: none|"
run_lab
is "$STATUS $(field .debugger)" "0 null" "debugger: none asks no debugger"

done_testing
