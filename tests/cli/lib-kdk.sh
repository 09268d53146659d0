# Debug kits made of printf's bytes, for tests of kdk. Source it after lib.sh.
# shellcheck shell=sh

# bytes HEX: as bytes.
bytes() {
	hex=$1
	while [ -n "$hex" ]; do
		# shellcheck disable=SC2059 # an octal escape
		printf "\\$(printf %03o "0x${hex%"${hex#??}"}")"
		hex=${hex#??}
	done
}

# macho FILE TYPE UUID [TEXT]: 64-bit, x86_64, of a type in hex (02 a kernel, 0a a dSYM, 0b a kext), with a __KLD
# segment as kernels have; TEXT follows the load commands.
macho() {
	mkdir -p "$(dirname "$1")"
	{
		bytes "cffaedfe0700000103000000${2}000000""0200000060000000""0000000000000000"
		bytes "1900000048000000"
		printf '__KLD\0\0\0\0\0\0\0\0\0\0\0'
		bytes "$(printf '%096d' 0)"
		bytes "1b00000018000000$(printf %s "$3" | tr -d -)"
		printf '%s\0' "${4:-}"
	} >"$1"
}

plist() { # FILE KEY VALUE...
	plist=$1
	mkdir -p "$(dirname "$plist")"
	{
		echo '<?xml version="1.0" encoding="UTF-8"?>'
		echo '<plist version="1.0"><dict>'
		shift
		while [ $# -gt 1 ]; do
			echo "<key>$1</key><string>$2</string>"
			shift 2
		done
		echo '</dict></plist>'
	} >"$plist"
}

# kit DIR VERSION BUILD: SystemVersion.plist of one.
kit() {
	plist "$1/System/Library/CoreServices/SystemVersion.plist" ProductVersion "$2" ProductBuildVersion "$3"
}

# kit_kernel DIR NAME UUID [TEXT]: a kernel and its dSYM.
kit_kernel() {
	macho "$1/System/Library/Kernels/$2" 02 "$3" "${4:-}"
	macho "$1/System/Library/Kernels/$2.dSYM/Contents/Resources/DWARF/$2" 0a "$3"
}

# kit_kext DIR NAME ID UUID: a kext, without a dSYM.
kit_kext() {
	plist "$1/System/Library/Extensions/$2.kext/Contents/Info.plist" CFBundleIdentifier "$3" CFBundleExecutable "$2" CFBundleVersion 1.0
	macho "$1/System/Library/Extensions/$2.kext/Contents/MacOS/$2" 0b "$4"
}
