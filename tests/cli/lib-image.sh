# On-disk core images for tests, by the shell alone. Source it after lib.sh.
# shellcheck shell=sh

# An integer of so many bytes, least or most significant byte first: $end is le or be.
end=le
int() { # int BYTES VALUE
	int_n=$1 int_v=$2 int_s=
	while [ "$int_n" -gt 0 ]; do
		int_b=$(printf '\\%03o' $((int_v & 255)))
		if [ "$end" = le ]; then int_s=$int_s$int_b; else int_s=$int_b$int_s; fi
		int_v=$((int_v >> 8)) int_n=$((int_n - 1))
	done
	# shellcheck disable=SC2059 # octal escapes are the format
	printf "$int_s"
}
u64() { for u in "$@"; do int 8 "$u"; done; }
name16() { { printf '%b' "$1" && dd if=/dev/zero bs=16 count=1 2>/dev/null; } | head -c 16; }

# put IMAGE OFFSET FILE: at a multiple of 512, the image grows as it must.
put() { dd if="$3" of="$1" bs=512 seek=$(($2 / 512)) conv=notrunc 2>/dev/null; }
size() { wc -c <"$1" | tr -d ' '; }
# zeroes IMAGE SIZE: an image of zeroes.
zeroes() { rm -f "$1" && dd if=/dev/null of="$1" bs=1 seek="$2" 2>/dev/null; }

# The header of version 1: header1 LOG_AT LOG_SIZE FILES, file1 AT SIZE NAME.
header1() {
	if [ "$end" = le ]; then printf 'Rad Mac\0'; else printf '\0caM daR'; fi
	u64 "$@"
}
file1() { u64 "$1" "$2" && name16 "$3"; }
# The header of version 2: header2 FLAGS KEY_AT KEY_SIZE LOG_AT LOG_SIZE FILES, file2 FLAGS AT SIZE NAME.
header2() {
	printf 'Boss Mac' && int 4 2 && int 4 0 && u64 "$1" "$2" && int 2 "$3" && int 6 0 && u64 "$4" "$5" "$6"
}
file2() { u64 "$1" "$2" "$3" && name16 "$4"; }
