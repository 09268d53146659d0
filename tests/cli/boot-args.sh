#!/bin/sh
# paniclab boot-args: what is printed and what is JSON, exit codes, what is merged, and refusals.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
has() { grep -qF -- "$1" "$dir/$2"; }
lacks() { ! has "$1" "$2"; }
# has_lines TEXT...: stdout is exactly these lines.
is_out() { printf '%s\n' "$@" | cmp -s - "$dir/out"; }
silent() { [ ! -s "$dir/$1" ]; }
query() { [ "$(jq -r "$1" "$dir/out")" = "$2" ]; }
codes() { query '[.findings[].code] | join(" ")' "$1"; }

check 'a recipe that cannot work exits 1' run 1 boot-args decode 'debug=0x104c44 _panicd_port=12345' --macos 10.15.4
check '... names each bit' has 'KERN_DUMP_ON_PANIC' out
check '... warns of the reboot' has 'stops: debug=0x100000 (REBOOT_ALWAYS)' out
check '... and of the key that no kernel reads' has 'warning: _panicd_port is read by no kernel' out
check '... says what it is judged for' has 'a core over the network, macOS 10.15.4 (xnu-6153.101)' out
check '... with nothing on stderr' silent err

check 'one that works exits 0' run 0 boot-args decode 'debug=0x24c44 _panicd_ip=192.168.136.1' --macos 10.15.4
check '... and says so' has 'nothing is wrong with them' out
check 'the well-known one is good for a core on the own disk' run 0 boot-args decode debug=0x104c44 --dump local -m 10.15.4
check 'a kernel has a version, too' run 1 boot-args decode 'debug=0x124c44 _panicd_ip=10.0.0.1' --macos xnu-4570.31.3
check '... 10.13.1 has no REBOOT_ALWAYS' run 0 boot-args decode 'debug=0x124c44 _panicd_ip=10.0.0.1' -m 10.13.1
check '... which is said' has 'since xnu-4570.31' out
check 'a text that begins with a dash' run 0 boot-args decode -- '-v keepsyms=1'
check '... has its words explained' has '-v: verbose boot' out
check 'several words' run 1 boot-args decode debug=0x104c44 _panicd_port=12345 -m 10.15.4 --json
check '... are one text' query .boot_args 'debug=0x104c44 _panicd_port=12345'
refused_long() { run 2 boot-args decode "$(head -c 4000 /dev/zero | tr '\0' a)" "$(head -c 96 /dev/zero | tr '\0' a)"; }
check '... and no longer than one' refused_long
check 'SIP that keeps the debugger off' run 1 boot-args decode 'debug=0x24c44 _panicd_ip=10.0.0.1' --csr 0x10000
check '... has its own rule' has '[sip]' out
check 'two NICs' run 0 boot-args decode 'debug=0x24c44 _panicd_ip=10.0.0.1' --nic e1000e --nic e1000e
check '... want a name' has '[no-match-name]' out
check 'a NIC that cannot dump' run 0 boot-args decode 'debug=0x24c44 _panicd_ip=10.0.0.1' --nic vmxnet3
check '... is warned of' has 'the NIC (vmxnet3) is one over which no kernel is known to dump' out
check 'hostile bytes' run 0 boot-args decode "$(printf 'x\033[31m=\377')"
no_escape() { ! tr -d '\n' <"$dir/out" | LC_ALL=C grep -q '[[:cntrl:]]'; }
check '... do not reach the terminal' no_escape

if command -v jq >/dev/null; then
	check 'decode --json' run 1 boot-args decode 'debug=0x104c44 _panicd_port=12345' -m 10.15.4 --json
	check '... has the codes' codes 'reboot-always local-core-first no-server panicd-port'
	check '... the bits' query '[.debug.bits[].name] | join(" ")' \
		'NMI ARP KERN_DUMP_ON_PANIC KERN_DUMP_ON_NMI REBOOT_POST_CORE REBOOT_ALWAYS'
	check '... the words' query '.arguments[1].key + " " + .arguments[1].value + " " + .arguments[1].state' \
		'_panicd_port 12345 unknown'
	check '... and the verdict' query '.works' false
	check 'encode --json' run 0 boot-args encode --dump network --server 10.0.0.1 --json
	check '... has the text' query .boot_args 'debug=0x20440 _panicd_ip=10.0.0.1 wdt=-1'
	check '... and its findings' codes no-reboot
else
	skip 'JSON' 'no jq'
fi

check 'encode prints the text' run 0 boot-args encode --dump network --server 192.168.136.1 --port 4000 \
	--interface en0 --router 192.168.136.2 --reboot --nmi --kernel development --keepsyms --serial -m 10.15.4
check '... alone' is_out "debug=0x24c44 _panicd_ip=192.168.136.1 panicd_port=4000 _router_ip=192.168.136.2 kdp_match_name=en0 wdt=-1 kcsuffix=development keepsyms=1 serial=3"
check '... without a word' silent err
check 'encode merges' run 0 boot-args encode --dump network --server 10.0.0.1 --reboot -m 10.9 \
	--merge ' -v  x="a  b" debug=0x100100 y=1 y=2'
check '... and leaves what is not its own' is_out ' -v  x="a  b" debug=0x4540 y=1 y=2 _panicd_ip=10.0.0.1 wdt=-1'
check 'what is encoded decodes without a finding' run 0 boot-args decode \
	"$("$PANICLAB" boot-args encode -d network -s 10.0.0.1 -r -m 13.6)" -m 13.6
check '... not even a note' has 'nothing is wrong' out
check 'a panic log' run 0 boot-args encode -d paniclog -s 10.0.0.1 -r -m 11.7
check '... has its bit' is_out 'debug=0x26040 _panicd_ip=10.0.0.1 wdt=-1'
check 'waiting for a debugger' run 0 boot-args encode --wait-for-debugger
check '... is HALT and ARP' is_out 'debug=0x41'
check '... and warned of, on stderr' has '[halt]' err
check 'what cannot come is not encoded' run 1 boot-args encode --dump local --macos 10.9
check '... nothing is printed' silent out
check '... and it says why' has 'came with 10.11' err

refused() {
	check "refused: $1" run 2 boot-args "$@"
	check '... on stderr alone' silent out
}
refused encode
refused decode
refused frobnicate
refused encode debug=1
refused encode --dump network
refused encode --dump floppy
refused encode --dump network --server my.host
refused encode --dump network --server 10.0.0.1 --port 0
refused encode --dump network --server 10.0.0.1 --interface 'en0 x'
refused encode --kernel release
refused decode x --macos 10.6.8
refused decode x --macos ten
refused decode x --csr on
done_testing
