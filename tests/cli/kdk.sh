#!/bin/sh
# paniclab kdk: find by build, UUID, version text and file; the public list; check; exit codes.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-kdk.sh
has() { grep -qF -- "$1" "$dir/out"; }
said() { grep -qF -- "$1" "$dir/err"; }
# The host's own kits must not decide a test.
PANICLAB_KDKS=$dir/none
export PANICLAB_KDKS

u1=A5A5C0DE-1111-3222-8333-000000000001
u2=A5A5C0DE-1111-3222-8333-000000000002
u3=A5A5C0DE-1111-3222-8333-000000000003
text='Darwin Kernel Version 20.6.0: Wed Jun 23 00:26:31 PDT 2021; root:xnu-7195.141.2~5/RELEASE_X86_64'
dev='Darwin Kernel Version 20.6.0: Wed Jun 23 00:26:35 PDT 2021; root:xnu_development-7195.141.2~5/DEVELOPMENT_X86_64'
kits=$dir/'the kits'
k80="$kits/KDK_11.5.1_20G80.kdk"
k71="$kits/KDK_11.5_20G71.kdk"
kit "$k80" 11.5.1 20G80
kit_kernel "$k80" kernel $u1 "$text"
kit_kernel "$k80" kernel.development $u2 "$dev"
kit_kext "$k80" IOUSB com.apple.iokit.IOUSB $u3
kit "$k71" 11.5 20G71
kit_kernel "$k71" kernel $u3 "$(echo "$text" | sed 's/141.2~5/141.1~4/')"
file "$k80/System/Library/Kernels/kernel" | grep -q 'Mach-O 64-bit x86_64' || echo '# file does not know the kernel'

find_in() { # STATUS OPTION...
	status=$1
	shift
	run "$status" kdk find --in "$kits" "$@"
}
first_is() { [ "$(head -n 1 "$dir/out")" = "$1" ]; }

check 'by build' find_in 0 --build 20G80
check 'it is that kit' first_is "$k80"
check 'by UUID' find_in 0 --uuid $u2
check 'the kernel is named' has "Kernel         $k80/System/Library/Kernels/kernel.development"
check 'and its dSYM' has 'kernel.development.dSYM/Contents/Resources/DWARF/kernel.development'
lower() { echo $u3 | tr A-F a-f; }
check 'by UUID in lower case' find_in 0 --uuid "$(lower)"
check 'it is the other kit' first_is "$k71"
check 'by version text' find_in 0 --xnu "$dev"
check 'with the kernel of that text' has 'Kernels/kernel.development'
check 'by xnu' find_in 0 --xnu xnu-7195.141.1~4
check 'xnu decides' first_is "$k71"
check 'another build, no kit' find_in 1 --build 20G95
check 'says how one would be taken' said '--accept-mismatch takes it'
check 'the nearest lower one when asked' find_in 0 --build 20G95 --accept-mismatch
check 'is the higher of two' first_is "$k80"
check 'and says so on both' has MISMATCH
check 'loudly' said 'ANOTHER build'
nowhere() { PANICLAB_KDKS=/no/kits run 1 kdk find --build 1A1 && said 'looked for in /no/kits: --in names another folder'; }
in_too() { find_in 1 --build 1A1 && said 'and where --in says: '; }
check 'none, with --in' in_too
check 'none at all: where it looked, and what to give' nowhere
check 'never a later one' find_in 1 --build 20G70 --accept-mismatch
check 'why not, with --verbose' find_in 1 --build 20G70 -v
check 'each kit with its reason' has "$k71: a later build, 20G71, for 20G70"

printf 'panic(cpu 1 caller 0xffffff8017a00000): "x"@/src/a.c:5\nBacktrace (CPU 1), Frame : Return Address\n' >"$dir/panic"
printf '0xffffff80aa000010 : 0xffffff8017411111\n\nMac OS version:\n20G95\n\nKernel version:\n%s\n' "$text" >>"$dir/panic"
by_stdin() { find_in 0 --for - <"$dir/panic" && first_is "$k80"; }
check 'by a panic text from standard input' by_stdin
by_text() { printf 'panic\n' | run 1 kdk check "$k80" - && said 'standard input: it does not say'; }
check 'another text says nothing' by_text
check 'by a panic text' find_in 0 --for "$dir/panic"
check 'whose kernel is in a kit of another build' has 'the same kernel by its version text: kernel, of build 20G80'
check 'options go before the file' find_in 0 --for "$dir/panic" --build 20G71
check 'the build then' first_is "$k71"
PANICLAB_KDKS="$dir/none:$kits"
check 'in the default places' run 0 kdk find --build 20G71
check 'found there' first_is "$k71"
check 'a kit twice is one' find_in 0 --build 20G71 -v
check 'two in all' has 'Looked at (2)'
PANICLAB_KDKS=$dir/none

cat >"$dir/list.json" <<'EOF'
[{"build": "24B82", "date": "2024-10-19T03:36:00", "fileSize": 800681641,
  "kernel_versions": {"kernel": "Darwin Kernel Version 24.1.0: A; root:xnu-11215.41.3~2/RELEASE_X86_64",
    "kernel.kasan": "Darwin Kernel Version 24.1.0: A; root:xnu_kasan-11215.41.3~2/KASAN_X86_64"},
  "md5sum": "cdb4de56", "name": "Kernel Debug Kit 15.1 \u001b[31mbuild 24B82", "sha256sum": "3069a644",
  "url": "https://example.net/24B82.dmg", "version": "15.1"},
 {"build": "20G80", "url": "file:///etc/passwd"}, {"build": 5}, "x", null]
EOF
check 'by the public list' run 0 kdk find --build 24B82 --manifest "$dir/list.json"
check 'where to get it' has 'Download       https://example.net/24B82.dmg'
check 'its checksum' has 'SHA-256        3069a644'
check 'and that it has to be got' said 'download it'
no_escape() { ! tr -d '\n' <"$dir/out" | grep -q '[[:cntrl:]]'; }
check 'no control byte reaches the terminal' no_escape
check 'by a text of the list' run 0 kdk find --xnu 11215.41.3~2 --manifest "$dir/list.json" --json
if command -v jq >/dev/null; then
	jq_is() { [ "$(jq -r "$1" "$dir/out")" = "$2" ]; }
	check 'as JSON: found' jq_is .found true
	check 'as JSON: the download' jq_is .kdk.download.url https://example.net/24B82.dmg
	check 'as JSON: its size' jq_is .kdk.download.bytes 800681641
	check 'as JSON: how it fits' jq_is '.kdk.fit + " " + (.mismatch | tostring)' 'kernel false'
	check 'an installed kit before a listed one' find_in 0 --build 20G80 --manifest "$dir/list.json" --json
	check 'as JSON: its path' jq_is .kdk.path "$k80"
	check 'a URL that is none is left out' jq_is '.candidates[3].download.url' null
	check 'none, as JSON' find_in 1 --build 1A1 --json
	check 'as JSON: not found' jq_is '.found, .kdk' 'false
null'
else
	skip 'JSON of kdk find' 'no jq'
fi

check 'check: a whole kit' run 0 kdk check "$k80"
check 'says so' has 'the kit is whole'
check 'its UUIDs' has "x86_64         $u2"
check 'its kexts' has '1, 1 with code, 0 of them with a dSYM'
check 'check: matches the panic text' run 0 kdk check "$k80" "$dir/panic"
check 'and names the kernel' has 'the same kernel by its version text: kernel'
check 'check: matches not' run 1 kdk check "$k71" "$dir/panic"
check 'and why' has 'NOT the kit of'
check 'check: a kernel of another kit' run 1 kdk check "$k71" "$k80/System/Library/Kernels/kernel"
kit_kernel "$k71" kernel.kasan $u1
macho "$k71/System/Library/Kernels/kernel.kasan.dSYM/Contents/Resources/DWARF/kernel.kasan" 0a $u2
macho "$k71/System/Library/Kernels/kernel.debug" 02 $u1
echo text >"$k71/System/Library/Kernels/kernel.release"
echo bplist00 >"$k71/System/Library/CoreServices/SystemVersion.plist"
kit_kext "$k71" B com.example.b $u1
rm "$k71/System/Library/Extensions/B.kext/Contents/MacOS/B"
check 'check: one that is not whole' run 1 kdk check "$k71"
check 'says so, too' has 'NOT whole'
check 'a dSYM of another kernel' has "a dSYM of another x86_64: $u1 is not in it"
check 'a kernel without a dSYM' has 'kernel.debug: no dSYM beside it'
check 'a kernel that is none' has 'kernel.release: not a Mach-O file'
check 'a plist that is binary' has 'SystemVersion.plist: a binary property list'
check 'a kext without its executable' has 'B.kext/Contents/MacOS/B: not there'
check 'as JSON, too' run 1 kdk check --json "$k71"
problems() { [ "$(jq '.problems | length' "$dir/out")" = 5 ]; }
if command -v jq >/dev/null; then check 'five problems' problems; else skip 'five problems' 'no jq'; fi

mkdir "$dir/empty"
check 'check: not a kit: exit 2' run 2 kdk check "$dir/empty"
check 'check: a file is not a kit' run 2 kdk check "$dir/panic"
check 'check: no folder: exit 2' run 2 kdk check
check 'check takes no options of find' run 2 kdk check --build 20G80 "$k80"
check 'check: a file that says nothing: exit 1' run 1 kdk check "$k80" "$dir/list.json"
check 'find: nothing to look for: exit 2' run 2 kdk find
check 'find: a build that is none: exit 2' run 2 kdk find --build Sierra
check 'find: a UUID that is none: exit 2' run 2 kdk find --uuid $u1"0"
check 'find: an xnu that is none: exit 2' run 2 kdk find --xnu mach
check 'find: no arguments: exit 2' run 2 kdk find x
check 'find: a folder that is not there: exit 3' run 3 kdk find --build 20G80 --in "$dir/nowhere"
check 'find: a list that is not there: exit 3' run 3 kdk find --build 20G80 --manifest "$dir/nowhere"
check 'find: a list that is none: exit 1' run 1 kdk find --build 20G80 --manifest "$dir/panic"
check 'another word: exit 2' run 2 kdk get
check 'no word: exit 2' run 2 kdk
check 'help' run 0 kdk --help

done_testing
