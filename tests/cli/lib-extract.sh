# What the tests of paniclab extract share. Source it after lib.sh and lib-image.sh.
# shellcheck shell=sh
# shellcheck disable=SC2317,SC2154 # called by check, by name; the variables are lib.sh's
has() { grep -qF -- "$1" "$2"; }
lacks() { ! has "$@"; }
gone() { ! [ -e "$1" ] && ! [ -L "$1" ]; }
# jq's expression holds for the manifest in $dir/o.
says() { jq -e "$1" "$dir/o/manifest.json"; }
file_is() { says ".files[]|select(.name==\"$1\")|$2"; }
extract() { # extract STATUS ARGUMENT...: into $dir/o, new
	rm -rf "$dir/o"
	extract_want=$1
	shift
	run "$extract_want" extract "$@" "$dir/o"
}

# A core: noise, a hole, noise.
{
	dd if=/dev/urandom bs=1024 count=64
	dd if=/dev/zero bs=1024 count=1024
	dd if=/dev/urandom bs=1000 count=3
} >"$dir/core" 2>/dev/null
gzip -nc "$dir/core" >"$dir/core.gz"
printf 'a stackshot' >"$dir/shot"
gzip -nc "$dir/shot" >"$dir/shot.gz"
printf 'panic(cpu 0 caller 0xffffff80002d5b6a): "a test"\n' >"$dir/log"
dd if=/dev/urandom of="$dir/noise" bs=512 count=1 2>/dev/null
core_size=$(size "$dir/core.gz")
shot_size=$(size "$dir/shot.gz")
log_size=$(size "$dir/log")
shot_at=$(((8192 + core_size + 4095) / 4096 * 4096))
whole=$((shot_at + 8 * 4096))

# image1 IMAGE: version 1, with noise between the log and the core, and after the last file.
image1() {
	zeroes "$1" $whole
	{
		header1 4096 "$log_size" 2
		file1 8192 "$core_size" kernel
		file1 "$shot_at" "$shot_size" panic_stackshot
	} >"$dir/header"
	put "$1" 0 "$dir/header"
	put "$1" 4096 "$dir/log"
	put "$1" 6144 "$dir/noise"
	put "$1" 8192 "$dir/core.gz"
	put "$1" "$shot_at" "$dir/shot.gz"
	put "$1" $((shot_at + 8192)) "$dir/noise"
}

# The file is the image's bytes from FROM to TO.
same_range() { # same_range FILE FROM TO
	tail -c "+$(($2 + 1))" "$dir/image" | head -c $(($3 - $2)) | cmp - "$dir/o/$1"
}
# Each sha256 and bytes of the manifest, as sha256sum and wc have them.
sums() {
	jq -r '.files[]|.sha256+" "+.path+" "+(.bytes|tostring)' "$dir/o/manifest.json" >"$dir/list"
	[ -s "$dir/list" ] || return 1
	while read -r sum path bytes; do
		[ "$(sha256sum <"$dir/o/$path")" = "$sum  -" ] || return 1
		[ "$(size "$dir/o/$path")" -eq "$bytes" ] || return 1
	done <"$dir/list"
}

# A disk of 8 MiB with image1 in its partition of kernel cores, at sector 6144.
cores=5361644D-6163-11AA-AA11-00306543ECAC
has_sgdisk() { command -v sgdisk >/dev/null 2>&1 || [ -x /usr/sbin/sgdisk ]; }
sgdisk_() { PATH=$PATH:/usr/sbin sgdisk "$@" >/dev/null; }
make_disk() { # make_disk FILE
	zeroes "$1" 8388608
	sgdisk_ -n 1:2048:4095 -n 2:6144:+1M -t 2:$cores "$1"
	image1 "$dir/image"
	put "$1" $((2048 * 512)) "$dir/noise"
	put "$1" $((6144 * 512)) "$dir/image"
	put "$1" $((6144 * 512 + 1048576)) "$dir/noise"
}
