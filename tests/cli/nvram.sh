#!/bin/sh
# paniclab nvram: files made here byte by byte, after docs/nvram.md; cmp and jq judge.
# shellcheck disable=SC2016,SC2154,SC2317 # functions are called by check, by name, and words are evaluated
set -u
. tests/cli/lib.sh
. tests/cli/lib-image.sh

out_is() { printf '%b\n' "$1" | cmp - "$dir/out"; }
out() { grep -qF -e "$1" "$dir/out"; }
err() { grep -qF -e "$1" "$dir/err"; }
no_out() { [ ! -s "$dir/out" ]; }
json() { jq -e "$1" "$dir/out"; }

apple='\020\141\103\174\052\253\273\113\250\200\376\101\231\134\237\202'
efi='\141\337\344\213\312\223\322\021\252\015\000\340\230\003\053\214'

# record GUID ATTRIBUTES NAME VALUE: value with octal escapes; the name gets a NUL.
record() {
	# shellcheck disable=SC2059 # octal escapes are the format
	printf -- "$4" >"$dir/value"
	name_size=$((2 * ${#3} + 2))
	# shellcheck disable=SC2059
	printf "$1"
	int 4 "$2"
	int 4 $((name_size + $(size "$dir/value")))
	int 4 $name_size
	printf %s "$3" | sed 's/./&\n/g' | tr -d '\n' | od -An -v -tu1 | tr -s ' ' '\n' | while read -r c; do
		[ -z "$c" ] || int 2 "$c"
	done
	int 2 0
	cat "$dir/value"
}

# nvram FILE: of the records on standard input, in a section of 512 bytes.
nvram() {
	cat >"$dir/records"
	{
		printf 'MRVN' && int 4 1
		printf 'CMOStimA' && int 4 4 && printf abcd
		printf 'EFI_NV\0\0' && int 4 512
		printf 'VMWNVRAM' && int 4 0 && int 4 $((16 + $(size "$dir/records")))
		cat "$dir/records"
		head -c $((512 - 16 - $(size "$dir/records"))) /dev/zero | tr '\0' '\377'
	} >"$1"
}

pk() { record "$efi" 39 PK '\001\002'; }
lang() { record "$efi" 7 Lang 'eng\000'; }
boot_args() { record "$apple" 7 boot-args "$1"'\000'; }
csr() { record "$apple" 7 csr-active-config "$1"; }
f=$dir/a.nvram
usual() { { pk && boot_args -v && lang; } | nvram "$f"; }

# now RECORDS...: the file holds these, to the byte.
now() {
	for r in "$@"; do eval "$r"; done | nvram "$dir/want"
	cmp "$f" "$dir/want"
}

# ---- reading ---------------------------------------------------------------------

usual
check 'list' run 0 nvram "$f" list
check '... one a line: its name, a tab, its value' out_is \
	'8BE4DF61-93CA-11D2-AA0D-00E098032B8C:PK\thex:0102  (signed)\nboot-args\t-v\n8BE4DF61-93CA-11D2-AA0D-00E098032B8C:Lang\teng'
check 'list --json' run 0 nvram "$f" list --json
check '... what is free' json '.free == 512 - 16 - (28+6+2) - (28+20+3) - (28+10+4)'
check '... a text has both forms' json '.variables[1] == {"guid":"7C436110-AB2A-4BBB-A880-FE41995C9F82",
	"name":"boot-args","attributes":7,"bytes":3,"text":"-v","hex":"2d7600"}'
check '... a signed one' json '.variables[0].signed and (.variables[0]|has("text")|not)'
check 'get' run 0 nvram "$f" get boot-args
check '... the text alone' out_is '-v'
check 'get by GUID, in small letters' run 0 nvram "$f" get 8be4df61-93ca-11d2-aa0d-00e098032b8c:Lang
check '... without its NUL' out_is eng
check 'get --json' run 0 nvram "$f" get boot-args --json
check '... the same object' json '.hex == "2d7600" and .text == "-v"'
absent() { run 1 nvram "$f" get "$1" && no_out && err "$2"; }
check 'get of one that is not there' absent nothing 'there is no variable nothing'
check '... nearly there' absent Boot-Args 'did you mean boot-args?'
check '... there with another GUID' absent Lang 'there is no variable Lang'

{ csr '\177\010\000\000' && record "$apple" 7 odd 'a\033[2J' && record "$apple" 7 one '\000'; } | nvram "$f"
check 'SIP in words, and nothing that moves the cursor' run 0 nvram "$f" list
check '...' out_is 'csr-active-config\thex:7f080000  (0x87f, SIP allows: kexts, filesystem, task_for_pid, kernel debugger, Apple internal, dtrace, nvram, unauthenticated root)\nodd\thex:611b5b324a\none\thex:00'
check '--json: the same as a list' run 0 nvram "$f" get csr-active-config --json
check '...' json '.allows|length == 8 and .[-1] == "unauthenticated root"'

# ---- changing ----------------------------------------------------------------------

usual
chmod 640 "$f"
check 'set' run 0 nvram "$f" set boot-args 'debug=0x144 keepsyms=1'
check '... only that variable' now pk 'boot_args "debug=0x144 keepsyms=1"' lang
check '... says what was and what is' out '  before  boot-args	-v'
check '...' out '  after   boot-args	debug=0x144 keepsyms=1'
check '... the mode stays' test -n "$(find "$f" -perm 640)"
check '... nothing else is left in the folder' test "$(find "$dir" -name 'a.nvram*' | wc -l)" -eq 1
# undo: the command that the last change printed.
undo() {
	command=$(sed -n 's/^  undo    paniclab //p' "$dir/out")
	[ -n "$command" ] && eval "run 0 $command"
}
check 'the undo that it printed' undo
check '... is exact' now pk 'boot_args -v' lang
check '... and has an undo too' undo
check '... which is exact' now pk 'boot_args "debug=0x144 keepsyms=1"' lang
usual
check 'the same again' run 0 nvram "$f" set boot-args -- -v
check '... changes nothing' out 'nothing to change'
check 'an empty text' run 0 nvram "$f" set boot-args ''
check '... is a NUL' now pk 'boot_args ""' lang
usual
check 'hex' run 0 nvram "$f" set boot-args hex:41
check '... is what it says' now pk 'record "$apple" 7 boot-args A' lang
check '... undone' undo
check '...' now pk 'boot_args -v' lang
check 'delete' run 0 nvram "$f" delete boot-args
check '... only that variable' now pk lang
check '... undone' undo
check '... it is back, behind the others' now pk lang 'boot_args -v'
usual
check 'delete what is not there' run 0 nvram "$f" delete nothing
check '... says so' out 'there is no nothing'
check '... changes nothing' now pk 'boot_args -v' lang
check 'another owner, other attributes' run 0 nvram "$f" set --attributes 3 8BE4DF61-93CA-11D2-AA0D-00E098032B8C:Lang de
check '...' now pk 'boot_args -v' 'record "$efi" 3 Lang de'
check '... undone' undo
check '...' now pk 'boot_args -v' lang
record "$apple" 3 quote "it's; \\012" | nvram "$f"
check 'delete one with quotes and a line end' run 0 nvram "$f" delete quote
check '... undone' undo
check '... with its attributes' now 'record "$apple" 3 quote "it'"'"'s; \\012"'

record "$apple" 7 hollow '' | nvram "$f"
check 'set one that had no value' run 0 nvram "$f" set hollow x
check '... says that there is no way back' out '(what was there cannot be set again)'

usual
check '--dry-run' run 0 nvram "$f" set boot-args x --dry-run
check '... says what would be' out 'would be changed'
check '... and writes nothing' now pk 'boot_args -v' lang
check 'set --json' run 0 nvram "$f" set boot-args x --json
check '...' json '.changed and .written and .before.text == "-v" and .after.text == "x" and (.undo|startswith("paniclab nvram "))'
check 'delete --json of nothing' run 0 nvram "$f" delete nothing --json
check '...' json '(.changed or .written|not) and .before == null and .after == null'

# ---- SIP ----------------------------------------------------------------------------

sip() { # sip WORD MACOS BEFORE AFTER [OPTION]: BEFORE is - for no variable
	if [ "$3" = - ]; then pk; else csr "$3"; fi | nvram "$f"
	# shellcheck disable=SC2086 # an option or none
	run 0 nvram "$f" set csr-active-config "$1" --macos "$2" ${5:-} || return 1
	if [ "$4" = - ]; then now pk; elif [ "$3" = - ]; then now pk "csr '$4'"; else now "csr '$4'"; fi
}
check 'disable, 10.12' sip disable 10.12.6 - '\167\000\000\000'
check 'disable, 10.14 keeps 0x600' sip disable 10.14 '\020\006\000\000' '\167\006\000\000'
check 'disable, 11' sip disable 11.7 - '\177\000\000\000'
check 'disable, 13, what else is there' sip disable 13.6 '\000\020\000\000' '\177\020\000\000'
check 'disable --unsealed' sip disable 12 - '\177\010\000\000' --unsealed
check 'enable, 11' sip enable 11.7 '\177\010\000\000' '\020\000\000\000'
check 'enable, 10.15' sip enable 10.15.7 '\167\002\000\000' '\020\002\000\000'
check 'enable where nothing says that it is off' sip enable 12 - -

# ---- refusing ------------------------------------------------------------------------

usual
# no STATUS WORDS ARGUMENT...: the exit status, the words, and the file as it was.
no() {
	no_status=$1 no_words=$2
	shift 2
	run "$no_status" nvram "$f" "$@" && no_out && err "$no_words" && now pk 'boot_args -v' lang
}
check 'a signed variable' no 2 'it is signed' set 8BE4DF61-93CA-11D2-AA0D-00E098032B8C:PK x
check '... to delete' no 2 'it is signed' delete 8BE4DF61-93CA-11D2-AA0D-00E098032B8C:PK
check 'more than fits' no 3 'bytes too many' set big "$(head -c 600 /dev/zero | tr '\0' x)"
check 'boot-args that no kernel takes' no 2 'a kernel takes 1023' set boot-args "$(head -c 1024 /dev/zero | tr '\0' x)"
check 'no value' no 2 'delete it instead' set other ''
check 'half a byte' no 2 'not hexadecimal' set other hex:123
check 'no hex' no 2 'not hexadecimal' set other hex:xy
check 'SIP without a version' no 2 'give --macos VERSION' set csr-active-config disable
check '... that is none' no 2 '--macos cannot be' set csr-active-config disable --macos Ventura
check '... before SIP' no 2 'it came with 10.11' set csr-active-config disable --macos 10.10.5
check '... an unsealed volume before there were seals' no 2 'for macOS 11 and later' \
	set csr-active-config disable --macos 10.15 --unsealed
check '... as text' no 2 'a number of four bytes' set csr-active-config 0x77
check '... of three bytes' no 2 'a number of four bytes' set csr-active-config hex:770000
check 'bad attributes' no 2 'attributes cannot be' set --attributes 32 other x
check 'no name' no 2 'names no variable' get ''
check 'another verb' no 2 'did you mean list?' lists
check 'a word too few' no 2 'paniclab nvram FILE set NAME VALUE' set boot-args
check '... that was taken for an option' no 2 'put -- in front of a VALUE' set boot-args -v
check '... or for none' no 2 'put -- in front of a text' set boot-args '-v keepsyms=1'
check 'a word too many' no 2 'paniclab nvram FILE get NAME' get boot-args x

{ boot_args -v && boot_args -x; } | nvram "$f"
twice() { run 1 nvram "$f" "$@" && no_out && err 'there more than once' && now 'boot_args -v' 'boot_args -x'; }
check 'a variable that is there twice: get' twice get boot-args
check '... set' twice set boot-args x
check '... delete' twice delete boot-args
check '... list shows both' run 0 nvram "$f" list
check '...' out 'boot-args	-x  (there more than once)'

printf 'not an nvram file' >"$dir/text"
not_such() { run 2 nvram "$dir/text" "$@" && no_out && err 'not an .nvram file'; }
check 'another file: list' not_such list
check '... set' not_such set boot-args x
check '... keeps it' test "$(cat "$dir/text")" = 'not an nvram file'
check 'no file' run 3 nvram "$dir/none" list

# ---- a VM's bundle ---------------------------------------------------------------------

vm=$dir/vm.vmwarevm
mkdir "$vm"
printf '.encoding = "UTF-8"\ndisplayName = "vm"\n' >"$vm/a.vmx"
usual
cp "$f" "$vm/a.nvram"
f=$vm/a.nvram
printf '#!/bin/sh\ncat "%s/running"\n' "$dir" >"$dir/vmrun"
chmod +x "$dir/vmrun"
echo 'Total running VMs: 0' >"$dir/running"
set_x() { run "$1" nvram "$2" set boot-args x --vmrun "$dir/vmrun"; }
check 'by its bundle' set_x 0 "$vm"
check '...' now pk 'boot_args x' lang
check '... undone, by the same name' undo
check '...' now pk 'boot_args -v' lang
from_elsewhere() { (cd "$vm" && run 0 nvram a.nvram set boot-args x --vmrun "$dir/vmrun") && undo && now pk 'boot_args -v' lang; }
check '... undone from another folder' from_elsewhere
without_vmrun() { run 0 nvram "$vm" set boot-args x --vmrun "$dir/no-vmrun" && err 'vmrun list: cannot be started' && ! err 'fusion.vmrun' && undo; }
check '... without a vmrun, as is told' without_vmrun
check 'by its .vmx' set_x 0 "$vm/a.vmx"
usual
printf 'Total running VMs: 1\n%s\n' "$vm/a.vmx" >"$dir/running"
refused() { set_x 3 "$vm" && no_out && err "$1" && now pk 'boot_args -v' lang; }
check 'a VM that is on, by vmrun' refused 'the VM is powered on'
check '... by its .nvram' set_x 3 "$f"
check '... it can be read' run 0 nvram "$vm" get boot-args
echo 'Total running VMs: 0' >"$dir/running"
: >"$vm/a-1.vmss"
check 'a suspended one' refused 'the VM is suspended'
rm "$vm/a-1.vmss"
mkdir "$vm/a.vmx.lck"
printf 'uuid=1 %s-1(vmware-vmx) 1 X [ lc=1' $$ >"$vm/a.vmx.lck/M1.lck"
check 'one that a living process has locked' refused 'powered on, or open in Fusion'
printf 'uuid=1 %s-1(vmware-vmx) 1 X [ lc=1' "$(sh -c 'echo $$')" >"$vm/a.vmx.lck/M1.lck"
check 'a lock that a process left behind' set_x 0 "$vm"
check '... is told' err 'is gone: it does not count'
usual
if command -v flock >/dev/null; then
	exec 9<"$vm" && flock -n 9
	check 'one that a run is using' refused 'held by a run'
	exec 9<&-
else
	skip 'one that a run is using' 'no flock'
fi
: >"$f.tmp.123-0"
check 'what a write that was cut off has left' set_x 0 "$vm"
check '... goes' test ! -e "$f.tmp.123-0"
check 'a copy elsewhere belongs to no VM' cp "$f" "$dir/copy.nvram"
printf 'Total running VMs: 1\n%s\n' "$vm/a.vmx" >"$dir/running"
check '...' set_x 0 "$dir/copy.nvram"
printf 'encryption.data = "x"\n' >>"$vm/a.vmx"
head -c 300 /dev/urandom >"$f"
check "an encrypted VM's" run 2 nvram "$vm" list
check '... says why' err 'the VM is encrypted'

# ---- diff -------------------------------------------------------------------------------

f=$dir/a.nvram
usual
{ lang && pk && boot_args -v; } | nvram "$dir/b.nvram"
check 'diff: the order does not count' run 0 nvram "$f" diff "$dir/b.nvram"
check '...' no_out
{ boot_args -x && pk && csr '\020\000\000\000'; } | nvram "$dir/b.nvram"
check 'diff' run 1 nvram "$f" diff "$dir/b.nvram"
check '...' out_is '-boot-args\t-v\n+boot-args\t-x\n+csr-active-config\thex:10000000  (0x10, SIP allows: Apple internal)\n-8BE4DF61-93CA-11D2-AA0D-00E098032B8C:Lang\teng'
check 'diff --json' run 1 nvram "$f" diff "$dir/b.nvram" --json
check '...' json '(.same|not) and .changed[0].after.text == "-x" and .added[0].name == "csr-active-config" and .removed[0].name == "Lang"'
check 'diff of what is none' run 2 nvram "$f" diff "$dir/text"

done_testing
