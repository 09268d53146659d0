#!/bin/sh
# Installs what is missing of what a purpose needs: sh tools/deps.sh demo|all
# demo: to build and to run the simulated lab; all: also the tests and linters.
# Debian and its kin by apt-get, macOS by Homebrew.
set -eu
purpose=${1:-all}

say() { echo "deps: $*"; }

debian() {
	wanted='gcc make pkg-config libcurl4-openssl-dev libjansson-dev libssh2-1-dev zlib1g-dev libyaml-dev
		libisal-dev liblz4-dev libmicrohttpd-dev openssh-server openssh-client'
	if [ "$purpose" = all ]; then
		wanted="$wanted libcmocka-dev curl gzip file iproute2 jq nftables openssl tidy lldb-14 python3-lldb-14 llvm-14
			lld-14 clang clang-format clang-tidy libclang-rt-dev cppcheck gdb gdisk qemu-utils lz4 shellcheck dash mandoc"
	fi
	missing=
	for p in $wanted; do
		if ! dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed'; then
			missing="$missing $p"
		fi
	done
	if [ -z "$missing" ]; then
		say "everything is there"
		return
	fi
	say "installing:$missing"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			say "not root and no sudo; as root run: apt-get install$missing" >&2
			exit 3
		fi
		sudo=sudo
	fi
	log=$(mktemp)
	# sshd is used as a program only; its service must not be started for that.
	# shellcheck disable=SC2086 # a list of package names
	if ! { $sudo apt-get update &&
		$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends $missing; } \
		>"$log" 2>&1; then
		tail -n 20 "$log" >&2
		say "apt-get failed; its whole output is in $log" >&2
		exit 3
	fi
	rm -f "$log"
	say "done"
}

homebrew() {
	missing=
	wanted='pkgconf curl jansson libssh2 zlib libyaml isa-l lz4 libmicrohttpd'
	if [ "$purpose" = all ]; then
		wanted="$wanted cmocka coreutils gptfdisk qemu jq cppcheck shellcheck dash llvm lld"
	fi
	for p in $wanted; do
		brew list --versions "$p" >/dev/null 2>&1 || missing="$missing $p"
	done
	if [ -z "$missing" ]; then
		say "everything is there"
		return
	fi
	say "installing:$missing"
	# shellcheck disable=SC2086 # a list of package names
	brew install $missing
}

if command -v apt-get >/dev/null; then
	debian
elif command -v brew >/dev/null; then
	homebrew
else
	say "neither apt-get nor brew is here; docs/dependencies.md lists what to install" >&2
	exit 3
fi
