#!/bin/sh
# A panic of each release with its debug kernel: the core that comes, who it says
# it is of, and the report that is left; what keeps a core away by release.
set -u
. tests/e2e/lib-kernels.sh

server=
trap 'kill $server 2>/dev/null; lab_stop >/dev/null; rm -rf "$WORK"' EXIT
lldb=$(command -v lldb-14 || command -v lldb)

# serve: $port, $WORK/cores; the receiver is paniclab's own.
serve() {
	rm -rf "$WORK/cores"
	mkdir "$WORK/cores"
	: >"$WORK/serve"
	"$PANICLAB" serve --bind "$NET.1" --port 0 --dir "$WORK/cores" --once --json >"$WORK/serve" 2>"$WORK/serve.err" &
	server=$!
	wait_for 10 grep -q listening "$WORK/serve"
	port=$(head -n 1 "$WORK/serve" | jq -r .port)
	program=$(readlink -f "$PANICLAB")
	"$SIMLAB_SOCKETFILTERFW" --add "$program" >/dev/null
	"$SIMLAB_SOCKETFILTERFW" --unblockapp "$program" >/dev/null
}

# panics COMMAND: in the guest; waits until it is over.
panics() {
	overs=$(grep -c 'panic over' "$LAB/log/events.log")
	now=$(boots)
	g "$1" >/dev/null 2>&1 &
	ssh_pid=$!
	wait_for 60 events_at_least $((overs + 1)) 'panic over'
	kill $ssh_pid 2>/dev/null
	over=$(grep 'panic over' "$LAB/log/events.log" | tail -n 1)
}

# new_kernel: the steps of that release, as simlab_kernels*.sh has them one by one.
new_kernel() {
	kernels=/Library/Developer/KDKs/$KDK/System/Library/Kernels
	kit_kernel=$WORK/kdk/$KDK/System/Library/Kernels/kernel.development
	case $version in
	10.9)
		kit_kernel=$WORK/kdk/KernelDebugKit/DEBUG_Kernel/mach_kernel
		g 'mkdir d && sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse && sudo cp d/DEBUG_Kernel/mach_kernel / &&
			sudo ditto d/DEBUG_Kernel/System.kext /System/Library/Extensions/System.kext && sudo touch /System/Library/Extensions'
		;;
	10.15) g "sudo mount -uw / && sudo cp $kernels/kernel.development /System/Library/Kernels && sudo kextcache -invalidate / &&
		sudo kcditto" ;;
	10.*) g "sudo cp $kernels/kernel.development /System/Library/Kernels && sudo kextcache -invalidate /" ;;
	*) g "mkdir m && sudo mount -o nobrowse -t apfs /dev/disk1s5 m && sudo ditto /Library/Developer/KDKs/$KDK/System m/System &&
		sudo kmutil install --volume-root m --update-all && sudo bless --mount m --bootefi --create-snapshot" ;;
	esac >/dev/null
}

# is_of IDENTITY: the core says so, and lldb finds kernel, version and panic in it.
is_of() {
	core=$(find "$WORK/cores" -name 'core-*' | head -n 1)
	case $core in *.gz) gzip -dc "$core" >"$WORK/core" ;; *) cp "$core" "$WORK/core" ;; esac
	uuid=$(uuid_of "$kit_kernel")
	commands=$(llvm-objdump-14 --macho --private-headers "$WORK/core" 2>/dev/null |
		awk '$1 == "cmd" { sub(/^[?][(]0x00000008[)]$/, "LC_IDENT", $2); print $2 }' | sort -u | tr '\n' ' ')
	grep -aq 'main bin spec' "$WORK/core" && commands="${commands}main-bin-spec"
	is "$commands" "$1" "$version: how the core says whose it is"
	if [ -z "$lldb" ]; then return; fi
	HOME=$WORK PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages timeout 60 "$lldb" --batch -c "$WORK/core" \
		-o bt -o "image lookup -n panic" "$kit_kernel" >"$WORK/lldb" 2>&1 </dev/null
	[ "$version" = 10.9 ] || has "$(cat "$WORK/lldb")" "$uuid" "$version: lldb finds the kit's kernel in it"
	has "$(strings -n 20 "$WORK/core" | grep 'Darwin Kernel Version')" "/$2_X86_64" "$version: of its version"
	grep -aq 'panic action at probe dtrace:::BEGIN' "$WORK/core"
	ok $? "$version: and the panic text"
}

# debug_kernel_panics VERSION SIP VARIANT IDENTITY REPORT-PART
debug_kernel_panics() {
	guest "$1" --sip "$2" --core-size 4M --time-factor 0.01
	kit
	[ "$1" = 10.9 ] || install_kit
	new_kernel
	serve
	boot "debug=0x24c44 _panicd_ip=$NET.1 panicd_port=$port kcsuffix=development keepsyms=1"
	runs "$3" "the debug kernel runs"
	kernel=$(g 'sysctl -n kern.uuid')
	panics "sudo dtrace -w -n 'BEGIN{ panic(); }'"
	has "$over" "reboots dumped=fully" "$1: its core arrives, and it reboots"
	wait_for 20 grep -q '"done"' "$WORK/serve"
	is_of "$4" "$3"
	wait_for 10 events_at_least $((now + 1)) ' boot [0-9]'
	guest_up
	report=$(g 'sudo cat /Library/Logs/DiagnosticReports/Kernel*.panic')
	has "$report" "$5" "$1: the report's form"
	has "$report" "$kernel" "$1: ... of that kernel"
	has "$report" "mach_kernel : _panic + 0x" "$1: ... with symbols"
	kill $server 2>/dev/null
}
debug_kernel_panics 10.9 off DEBUG "LC_SEGMENT_64 LC_THREAD " "*** Panic Report ***"
debug_kernel_panics 10.14 off DEVELOPMENT "LC_IDENT LC_SEGMENT_64 LC_THREAD " "*** Panic Report ***"

# What keeps a core away, on 10.14
boot "debug=0x124c44 _panicd_ip=$NET.1 kcsuffix=development"
panics 'sudo sysctl -w debug.panic_test=entry'
has "$over" "reboots dumped=none why=reboot-always" "10.14: REBOOT_ALWAYS reboots before the core; a sysctl panics"

debug_kernel_panics 10.15 off DEVELOPMENT "LC_IDENT LC_SEGMENT_64 LC_THREAD " '{"timestamp":'
boot "debug=0x4c44 _panicd_ip=$NET.1 panicd_port=$port"
panics "sudo dtrace -w -n 'BEGIN{ panic(); }'"
has "$over" "reboots dumped=none why=local-core" "10.15: without 0x20000 the core goes to its own disk"

debug_kernel_panics 11.7 0x867 DEVELOPMENT "LC_IDENT LC_SEGMENT_64 LC_THREAD " '"os_version":"macOS 11.7 (20G817)"'
debug_kernel_panics 13.6 0x867 DEVELOPMENT "LC_NOTE LC_SEGMENT_64 LC_THREAD main-bin-spec" '"os_version":"macOS 13.6 (22G120)"'
debug_kernel_panics 15.3 0x867 DEVELOPMENT "LC_NOTE LC_SEGMENT_64 LC_THREAD main-bin-spec" '"os_version":"macOS 15.3 (24D60)"'
has "$(g 'sysctl debug.panic_test 2>&1')" "unknown oid" "15.3: debug.panic_test is gone"
panics 'sudo sysctl -w debug.xnu_spinlock_panic_test=1'
has "$over" "why=no-answer" "15.3: debug.xnu_spinlock_panic_test panics; nobody takes this core"
done_testing
