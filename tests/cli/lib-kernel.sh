# A kernel and a kext with symbols and DWARF, and cores and panic texts of them: for tests of
# symbols and debuggers. Source it after lib.sh; needs clang, ld64.lld, dsymutil, llvm-nm,
# llvm-objdump and $BUILD/kernmake. The sources are in tests/fixtures/kernel.
# shellcheck shell=sh

first_of() { # NAME...: the first that there is
	for tool; do
		if command -v "$tool" 2>/dev/null; then return; fi
	done
	return 1
}

# kernel_tools: sets what the functions below call; else 1, and $missing names what lacks.
kernel_tools() {
	missing=
	clang=$(first_of clang clang-14) || missing="$missing clang"
	ld64=$(first_of ld64.lld ld64.lld-14 /usr/lib/llvm-14/bin/ld64.lld) || missing="$missing ld64.lld"
	dsymutil=$(first_of dsymutil dsymutil-14) || missing="$missing dsymutil"
	nm=$(first_of llvm-nm llvm-nm-14) || missing="$missing llvm-nm"
	objdump=$(first_of llvm-objdump llvm-objdump-14) || missing="$missing llvm-objdump"
	[ -x "$BUILD/kernmake" ] || missing="$missing kernmake"
	[ -z "$missing" ]
}

# need_kernel_tools: the same, or no test at all; also $lldb, which may be empty.
need_kernel_tools() {
	# shellcheck disable=SC2034 # for who sources this
	lldb=$(first_of lldb-14 lldb) || lldb=
	kernel_tools && return
	echo "1..0 # SKIP missing:$missing"
	exit 0
}

compile() { # SOURCE OBJECT
	"$clang" -target x86_64-apple-macos10.15 -g -O0 -mkernel -ffreestanding -fno-builtin -fno-stack-protector \
		-mno-red-zone -fno-omit-frame-pointer -c "$1" -o "$2"
}
link_macho() { # OBJECT OUT OPTION...
	object=$1 linked=$2
	shift 2
	"$ld64" -arch x86_64 -platform_version macos 11.0 11.0 -headerpad 200 "$object" -o "$linked" "$@"
}

# kernel_files DIR: makes in it
#   kernel                             and kernel.dSYM
#   Panicker.kext/Contents/MacOS/Panicker  and Panicker.kext.dSYM
# The kernel is linked at 0xffffff8000200000, the kext at 0.
kernel_files() {
	contents=$1/Panicker.kext/Contents
	mkdir -p "$contents/MacOS" &&
		compile tests/fixtures/kernel/kern.c "$1/kern.o" &&
		link_macho "$1/kern.o" "$1/kern.linked" -e __start &&
		"$BUILD/kernmake" kernel "$1/kern.linked" "$1/kernel" &&
		"$dsymutil" "$1/kernel" -o "$1/kernel.dSYM" &&
		compile tests/fixtures/kernel/kext.c "$1/kext.o" &&
		link_macho "$1/kext.o" "$1/kext.linked" -bundle -undefined dynamic_lookup &&
		"$BUILD/kernmake" kext "$1/kext.linked" "$contents/MacOS/Panicker" &&
		"$dsymutil" "$contents/MacOS/Panicker" -o "$1/Panicker.kext.dSYM" &&
		cat >"$contents/Info.plist" <<-'EOF'
			<?xml version="1.0" encoding="UTF-8"?>
			<plist version="1.0"><dict>
			<key>CFBundleExecutable</key><string>Panicker</string>
			<key>CFBundleIdentifier</key><string>net.example.Panicker</string>
			<key>CFBundlePackageType</key><string>KEXT</string>
			<key>CFBundleVersion</key><string>1.2.3</string>
			</dict></plist>
		EOF
	"$nm" -n "$1/kernel" >"$1/kernel.nm" && "$nm" -n "$contents/MacOS/Panicker" >"$1/kext.nm" &&
		kernel_calls "$1" >"$1/calls"
}

# uuid_of FILE: as it is printed.
uuid_of() { "$objdump" --macho --private-headers "$1" | sed -n 's/^ *uuid //p'; }

# Where an instruction of a function is, and the address after the Nth call in it, which is what that
# call returns to: the file's addresses, 16 hex digits.
insn() { # FILE FUNCTION REGEX
	"$objdump" -d "$1" | awk -v f="<$2>:" -v re="$3" \
		'$2 == f { on = 1; next } on && NF == 0 { exit } on && $0 ~ re { sub(":", "", $1); print $1; exit }' |
		pad
}
after_call() { # FILE FUNCTION N
	"$objdump" -d "$1" | awk -v f="<$2>:" -v n="$3" \
		'$2 == f { on = 1; next } on && NF == 0 { exit }
		on && /callq/ && --n == 0 {
			for (i = 2; $i ~ /^[0-9a-f][0-9a-f]$/; i++) len++
			sub(":", "", $1); print $1 " " len; exit
		}' | {
		read -r address len
		printf '%s\n' "$address" | pad | {
			read -r address
			low=${address#????????}
			printf '%s%08x\n' "${address%"$low"}" $((0x$low + len))
		}
	}
}
pad() { sed 's/^/0000000000000000/; s/^.*\(................\)$/\1/'; }

# Each call that is on a stack: what it is called here, kernel or kext, its return address in the file. x_store
# is no call but where the kext writes to a bad address.
kernel_calls() { # DIR
	kernel_file=$1/kernel
	kext_file=$1/Panicker.kext/Contents/MacOS/Panicker
	cat <<-EOF
		in_debugger kernel $(insn "$kernel_file" _Debugger addl)
		in_idle kernel $(insn "$kernel_file" _machine_idle subl)
		r_trap_to_debugger kernel $(after_call "$kernel_file" _panic_trap_to_debugger 1)
		r_panic kernel $(after_call "$kernel_file" _panic 1)
		r_panic_trap kernel $(after_call "$kernel_file" _panic_trap 1)
		r_kernel_trap kernel $(after_call "$kernel_file" _kernel_trap 1)
		r_trap_from_kernel kernel $(after_call "$kernel_file" trap_from_kernel 1)
		r_kext_start kernel $(after_call "$kernel_file" _OSKextStart 1)
		r_load_thread kernel $(after_call "$kernel_file" _OSKextLoadThread 1)
		r_continuation kernel $(after_call "$kernel_file" _call_continuation 1)
		r_processor_idle kernel $(after_call "$kernel_file" _processor_idle 1)
		r_idle_thread kernel $(after_call "$kernel_file" _idle_thread 1)
		x_check_again kext $(after_call "$kext_file" _panicker_check 1)
		x_check kext $(after_call "$kext_file" _panicker_check 2)
		x_start_store kext $(after_call "$kext_file" _panicker_start 1)
		x_start kext $(after_call "$kext_file" _panicker_start 2)
		x_store kext $(insn "$kext_file" _panicker_store '[$]42')
	EOF
}

# The orders that all cores of this kernel have in common (tests/simlab/kernmake/core.c). Names: slide,
# the kernel's symbols, kext (its load address), and one for each call that is on a stack.
KERNEL_SLIDE=17200000
KERNEL_BARE= # bare: without the symbols, as without keepsyms=1
KEXT_ADDRESS=ffffff7f98e3b000
kernel_orders() { # DIR
	kernel_file=$1/kernel
	kext_file=$1/Panicker.kext/Contents/MacOS/Panicker
	cat <<-EOF
		let slide $KERNEL_SLIDE
		let kernel slide
		let kext $KEXT_ADDRESS
		names $1/kernel.nm slide
		$(awk '{ print "let " $1 " " $3 "+" $2 }' "$1/calls")
		load $kernel_file slide ${KERNEL_BARE:-}
		load $kext_file kext ${KERNEL_BARE:-}
		ident Darwin Kernel Version 19.6.0: Mon Aug 31 22:12:52 PDT 2020; root:xnu-6153.141.2~1/RELEASE_X86_64; UUID=$(uuid_of "$kernel_file"); stext=0xffffff8017400000
		# gLoadedKextSummaries, version 2: name[64], uuid[16], address, size, version, load tag, flags, references
		let summaries ffffff801f000000
		region summaries 1000
		u64 _gLoadedKextSummaries summaries
		u32 summaries 2
		u32 summaries+4 78
		u32 summaries+8 1
		u32 summaries+c 0
		string summaries+10 net.example.Panicker
		uuid summaries+50 $kext_file
		u64 summaries+60 kext
		u64 summaries+68 4000
		u64 summaries+70 $(printf %x $((1 * 100000000 + 2 * 1000000 + 3 * 10000 + 9 * 1000)))
		u32 summaries+78 1
		u32 summaries+7c 0
		u64 summaries+80 0
		# PE_state: initialized, PE_Video, deviceTreeHead, bootArgs; struct boot_args: revision 0,
		# version 2, EFI 64, then the command line
		let boot_args ffffff801f001000
		region boot_args 1000
		u64 _PE_state+a0 boot_args
		u32 boot_args 20000
		u32 boot_args+4 40
		string boot_args+8 $KERNEL_BOOT_ARGS
		let log ffffff801f010000
		region log 4000
		let stack0 ffffff9012340000
		let stack1 ffffff9012350000
	EOF
}
KERNEL_BOOT_ARGS='debug=0x144 keepsyms=1 kext-dev-mode=1'

# The same panics, two ways in: the kext calls panic(), or writes to a bad address. Return addresses,
# innermost first.
CALLED='r_trap_to_debugger r_panic x_check x_check_again x_check_again x_check_again x_start r_kext_start
	r_load_thread r_continuation'
TRAPPED='r_trap_to_debugger r_panic r_panic_trap r_kernel_trap r_trap_from_kernel x_store x_start_store r_kext_start
	r_load_thread r_continuation'

# "0xFRAME : 0xRETURN [module : symbol + offset]": as xnu prints them with keepsyms=1, or without. It takes the
# symbol at the address itself, so where a call is the last thing in a function, the next function's.
frame_lines() { # DIR yes|no NAME...
	lines_dir=$1 with_symbols=$2 at=3000
	shift 2
	for call; do
		where=
		[ "$with_symbols" = no ] || where=$(frame_symbol "$lines_dir" "$call")
		echo "{stack0+$at} : {$call} $where"
		at=$(printf %x $((0x$at + 0x40)))
	done
}
frame_symbol() { # DIR NAME
	awk -v name="$2" 'FILENAME ~ /calls$/ { if ($1 == name) { file = $2; address = $3 } next }
		FILENAME ~ file ".nm$" && $2 ~ /^[a-zA-Z]$/ && $1 "" <= address "" { start = $1; symbol = $3 }
		END { print file, address, start, symbol }' "$1/calls" "$1/kernel.nm" "$1/kext.nm" | {
		read -r file address start symbol
		offset=$((0x${address#????????} - 0x${start#????????}))
		if [ "$file" = kernel ]; then module=mach_kernel; else module=net.example.Panicker; fi
		printf '%s : %s' $module "$symbol"
		[ $offset -eq 0 ] || printf ' + 0x%x' $offset
	}
}

# The text of a panic, its numbers still expressions; as 10.15 prints it.
panic_template() { # DIR called|trapped yes|no
	kext_file=$1/Panicker.kext/Contents/MacOS/Panicker
	if [ "$2" = called ]; then
		echo 'panic(cpu 0 caller {x_check}): "panicker: as asked for"@/Users/dev/Panicker/kext.c:21'
		frames=$CALLED
	else
		cat <<-'EOF'
			panic(cpu 0 caller {r_kernel_trap}): Kernel trap at {x_store}, type 14=page fault, registers:
			CR0: 0x0000000080010033, CR2: 0x0000000000000008, CR3: 0x000000001e3ba000, CR4: 0x00000000003606e0
			RAX: 0x0000000000000008, RBX: 0x0000000000000000, RCX: 0x0000000000000000, RDX: 0x0000000000000000
			RSP: {stack0+3160}, RBP: {stack0+3180}, RSI: 0x0000000000000000, RDI: 0x0000000000000008
			RFL: 0x0000000000010246, RIP: {x_store}, CS:  0x0000000000000008, SS:  0x0000000000000010
			Fault CR2: 0x0000000000000008, Error code: 0x0000000000000002, Fault CPU: 0x0, PL: 0, VF: 1

		EOF
		frames=$TRAPPED
	fi
	echo 'Backtrace (CPU 0), Frame : Return Address'
	# shellcheck disable=SC2086 # a list
	frame_lines "$1" "$3" $frames
	cat <<-EOF
		      Kernel Extensions in backtrace:
		         net.example.Panicker(1.2.3)[$(uuid_of "$kext_file")]@{kext}->{kext+3fff}

		BSD process name corresponding to current thread: kernel_task
		Boot args: $KERNEL_BOOT_ARGS

		Mac OS version:
		19G2021

		Kernel version:
		Darwin Kernel Version 19.6.0: Mon Aug 31 22:12:52 PDT 2020; root:xnu-6153.141.2~1/RELEASE_X86_64
		Kernel UUID: $(uuid_of "$1/kernel")
		Kernel slide:     {slide}
		Kernel text base: {ffffff8000200000+slide}
		__HIB  text base: {ffffff8000100000+slide}
		System model name: VMware7,1 (Mac-AA95B1DDAB278B95)

		System uptime in nanoseconds: 61234567890
	EOF
}

# kernel_core DIR NAME called|trapped yes|no: a core DIR/NAME of kernel_files DIR, and DIR/NAME.panic, the panic
# text in it, with symbols (keepsyms=1) or not. Two threads: the one that panicked, and an idle one. Further
# orders, from standard input, follow these.
kernel_core() {
	panic_template "$1" "$3" "$4" >"$1/$2.template"
	if [ "$3" = called ]; then frames=$CALLED; else frames=$TRAPPED; fi
	{
		kernel_orders "$1"
		echo "file log $1/$2.template $1/$2.panic"
		# shellcheck disable=SC2086 # a list
		echo stack stack0 in_debugger $frames
		echo stack stack1 in_idle r_processor_idle r_idle_thread r_continuation
		cat
	} >"$1/$2.orders"
	"$BUILD/kernmake" core "$1/$2.orders" "$1/$2"
}
