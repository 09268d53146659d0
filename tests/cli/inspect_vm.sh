#!/bin/sh
# paniclab inspect of a VM's .vmx and .nvram; jq judges.
# shellcheck disable=SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-image.sh

out() { grep -qF -e "$1" "$dir/out"; }
json() { jq -e "$1" "$dir/out"; }

cat >"$dir/a.vmx" <<'EOF'
.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "16"
displayName = "mac |22OS|22"
memsize = "4096"
numvcpus = "2"
checkpoint.vmState = ""
ethernet0.present = "TRUE"
ethernet0.virtualDev = "e1000e"
ethernet0.connectionType = "nat"
ethernet0.generatedAddress = "00:0c:29:01:02:03"
ethernet1.present = "FALSE"
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "/tmp/console.log"
debugStub.listen.guest64 = "TRUE"
EOF
check 'a .vmx' run 0 inspect --json "$dir/a.vmx"
check '... what it is' json '.kind == "vmx" and .warnings == []'
check '... what is in it' json '.vmx|.display_name == "mac \"OS\"" and .memory_mb == 4096 and .cpus == 2
	and .gdb_stub and (.suspended or .encrypted|not)'
check '... its NICs' json '.vmx.nics == [{"name":"ethernet0","device":"e1000e","connection":"nat","mac":"00:0c:29:01:02:03"}]'
check '... its serial ports' json '.vmx.serial == [{"name":"serial0","type":"file","file":"/tmp/console.log"}]'
check '... every key' json '.vmx.keys|length == 16 and .["numvcpus"] == "2"'
check '... as text' run 0 inspect "$dir/a.vmx"
check '...' out '  Name           mac "OS"'
check '...' out '  ethernet0      e1000e, 00:0c:29:01:02:03'
cat >>"$dir/a.vmx" <<'EOF'
CHECKPOINT.vmstate = "a.vmss"
ethernet1.PRESENT = "TRUE"
ethernet1.virtualDev = "vmxnet3"
encryption.data = "x"
EOF
check 'one with traps' run 0 inspect --json "$dir/a.vmx"
check '... suspended, encrypted' json '.vmx.suspended and .vmx.encrypted'
check '... a key twice' json '.warnings|any(startswith("CHECKPOINT.vmstate is there twice"))'
check '... a NIC that will not dump' json '.warnings|any(startswith("ethernet1 is a vmxnet3"))'

# One variable: 28 bytes, a name of 20, a value of 3.
{
	printf 'MRVN' && int 4 1
	printf 'EFI_NV\0\0' && int 4 128
	printf 'VMWNVRAM' && int 4 0 && int 4 $((16 + 51))
	printf '\020\141\103\174\052\253\273\113\250\200\376\101\231\134\237\202'
	int 4 7 && int 4 23 && int 4 20
	printf 'b\0o\0o\0t\0-\0a\0r\0g\0s\0\0\0-v\0'
	head -c $((128 - 67)) /dev/zero | tr '\0' '\377'
} >"$dir/a.nvram"
check 'an .nvram' run 0 inspect --json "$dir/a.nvram"
check '...' json '.kind == "nvram" and .warnings == [] and (.nvram|length) == 1 and .nvram[0].text == "-v"'
check '... as text' run 0 inspect "$dir/a.nvram"
check '...' out '  boot-args	-v'
head -c 100 "$dir/a.nvram" >"$dir/cut.nvram"
check 'one that is cut short' run 0 inspect --json "$dir/cut.nvram"
check '...' json '.kind == "nvram" and (has("nvram")|not) and (.warnings[0]|contains("beyond the end"))'

done_testing
