#!/bin/sh
# The payload: files, a kext that panics, a set-up script; nothing of them stays.
# shellcheck disable=SC2119,SC2016
set -u
. tests/e2e/lib.sh

# Without what the guest itself keeps of its panic.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

mkdir -p "$WORK/Bad.kext/Contents/MacOS"
cat >"$WORK/Bad.kext/Contents/Info.plist" <<EOF2
<plist version="1.0"><dict>
	<key>CFBundleIdentifier</key><string>net.example.bad</string>
	<key>SimulatedPanic</key><string>page-fault</string>
</dict></plist>
EOF2
echo code >"$WORK/Bad.kext/Contents/MacOS/Bad"
echo data >"$WORK/it's \"a\" file"
cat >"$WORK/setup.sh" <<'EOF2'
#!/bin/sh
id -u
cat "/opt/two words/deep/it's \$HOME"
ls -ld "/opt/two words/run"
EOF2
new_lab
echo 'interest *page fault*' >"$WORK/own.rules"
echo 'signature_rules: own.rules' >>"$WORK/lab.yaml"
# scenario ISOLATION
scenario() {
	cat >"$WORK/scenario.yaml" <<EOF2
name: payload
isolation: $1
payload:
  files:
    - {from: "it's \"a\" file", to: "/opt/two words/deep/it's \$HOME"}
    - {from: setup.sh, to: "/opt/two words/run"}
  kext: Bad.kext
  setup: setup.sh
trigger: {kext: true, timeout: 20s}
expect: {panic: true, matching: "page fault", within: 30s}
collect: [core, panic_report]
EOF2
}
chmod +x "$WORK/setup.sh"

for isolation in none snapshot; do
	scenario $isolation
	remember
	run_lab
	is $STATUS 0 "$isolation: files, set-up script and kext"
	[ $STATUS -eq 0 ] || show "$ERR"
	has "$(field .panic.string)" "type 14=page fault" "$isolation: the kext panics"
	is "$(field .panic.signature_class)" interest "$isolation: and is named by the lab's own rules"
	same "$isolation: nothing of it stays, nor the folders that were made for it"
done

# What is there already
scenario none
unlocked
vmrun start "$SIMLAB_VMX" nogui
guest_up
g 'sudo mkdir -p "/opt/two words"; echo mine | sudo tee "/opt/two words/run"' >/dev/null
remember
run_lab
is $STATUS 3 "a place that is taken"
has "$(field .error.line)" "/opt/two words/run exists already in the guest" "... is refused by name"
same "... and nothing is changed"
g 'sudo rm "/opt/two words/run"'
remember
run_lab
is $STATUS 0 "a folder that was there"
same "... stays, and only it"

# A set-up script that fails
printf '#!/bin/sh\necho no good >&2\nexit 7\n' >"$WORK/setup.sh"
run_lab
is $STATUS 3 "a set-up script that fails"
has "$(field .error.line)" "exited with 7" "... says how"
same "... and all is put back"
done_testing
