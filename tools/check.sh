#!/bin/sh
# Formatters and linters, all of them clean or exit 1.
set -u
status=0

fail() {
	echo "check: $*" >&2
	status=1
}

c_files=$(git ls-files '*.c' '*.h')
sh_files=$(git ls-files '*.sh' .ci/run)
pkgs='libcurl jansson libssh2 zlib liblz4 yaml-0.1 cmocka libmicrohttpd'

echo 'check: clang-format'
# shellcheck disable=SC2086 # lists of file names without spaces
clang-format --dry-run -Werror $c_files || fail 'clang-format -i would change files'

# .cppcheck names the checks that took our idioms for bugs: an error that is
# returned after a local was lent to a call, a callback's context on the stack.
echo 'check: cppcheck'
# shellcheck disable=SC2046
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr -j 2 \
	--suppressions-list=.cppcheck -I. \
	-D'json_array_foreach(a,i,v)=for(i=0;i<json_array_size(a)&&(v=json_array_get(a,i));i++)' \
	-D'json_object_foreach(o,k,v)=for(k="";(v=json_object_get(o,k));)' $(git ls-files '*.c') || fail 'cppcheck'

echo 'check: clang-tidy'
# shellcheck disable=SC2086 # a list of packages
PKG_CFLAGS=$(pkg-config --cflags $pkgs)
GZ_CFLAGS=$(pkg-config --exists libisal && echo -DPL_HAVE_ISAL)
export PKG_CFLAGS GZ_CFLAGS
# shellcheck disable=SC2016 # the inner shell's variables
git ls-files '*.c' | xargs -P 2 -n 6 sh -c '
	clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=c11 -I. -D_GNU_SOURCE -D_DARWIN_C_SOURCE \
		-DPL_VERSION=\"check\" $PKG_CFLAGS $GZ_CFLAGS 2>/dev/null' sh || fail 'clang-tidy'

echo 'check: shellcheck'
# shellcheck disable=SC2086
shellcheck $sh_files || fail 'shellcheck'
for f in guest-scripts/*.sh; do
	dash -n "$f" || fail "$f does not parse under dash"
done

echo 'check: mandoc'
# shellcheck disable=SC2046
mandoc -Tlint -Wwarning $(git ls-files 'docs/*.[0-9]') || fail 'mandoc'

[ "$status" -eq 0 ] && echo 'check: all clean'
exit "$status"
