#!/bin/sh
# Where a run's kernel comes from: a folder, an image with or without a licence,
# a package, the guest itself; which build fits; and what it says of none.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel_lab 10.12 development
KERNEL=System/Library/Kernels/kernel.development
NAME=$(basename "$KIT")

# An image: opened and installed in the guest, and taken out again
lab_set "s|folders: .*|folders: []|" "s|images: .*|images: [$IMAGE]|"
for isolation in none snapshot; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	ends_well "an image, isolation $isolation"
	is "$(field .kernel.kit)" "$IMAGE" "... is in the report"
done
scenario_set "s|isolation: .*|isolation: none|"
fault hdiutil-licence
ends_well "an image that asks for its licence"
fault clear installer-fail
fails 3 "The install failed" "a package that does not install"
fault clear
for line in '] kernel:' 'restored kernel'; do
	signal_at KILL "$line"
	killed "an image, kill -9 at '$line'"
done

# A folder of images; the scenario's own, whatever its name
lab_set "s|images: .*|images: [$WORK/kdk-10.12]|"
ends_well "a folder with images"
mkdir "$WORK/own"
cp "$IMAGE" "$WORK/own/some.dmg"
lab_set "s|images: .*|images: []|"
scenario_set "s|^kdk: .*|kdk: own/some.dmg|"
ends_well "the scenario's own image"
scenario_set "s|^kdk: .*|kdk: $KIT|"
ends_well "the scenario's own folder"
scenario_set "s|^kdk: .*|kdk: own/none.dmg|"
fails 2 "kdk names what is not there" "a kit that is not there"

# None, another build's, a near one
scenario_set "s|^kdk: .*|kdk: auto|"
PANICLAB_KDKS=$WORK/empty fails 2 'Kernel Debug Kit 10.12.6 build 16G29' "no kit"
is "$(boots)" 1 "... found out at the price of one boot"
mkdir "$WORK/near"
cp -R "$KIT" "$WORK/near/KDK_10.12.6_16G21.kdk"
edit "$WORK/near/KDK_10.12.6_16G21.kdk/System/Library/CoreServices/SystemVersion.plist" 's|16G29|16G21|'
lab_set "s|folders: .*|folders: [$WORK/near]|"
ends_well "another build with the same kernel"
is "$(field .kernel.fit)" kernel "... fits by its kernel"
rm -r "$WORK/near/KDK_10.12.6_16G21.kdk"
touch "$WORK/near/Kernel_Debug_Kit_10.12.6_build_16G21.dmg"
lab_set "s|folders: .*|folders: []|" "s|images: .*|images: [$WORK/near]|"
fails 2 "kdk_mismatch: accept" "a near kit"
"$SIMLAB" kdk --macos 10.14 --out "$WORK/other" >/dev/null
mv "$WORK/other"/*.dmg "$WORK/other/some.dmg"
scenario_set "s|^kdk: .*|kdk: other/some.dmg|"
fails 2 "the kit is of build 18G84, the guest of 16G29" "an image of another build than it is taken for"
mkdir -p "$WORK/poor/System/Library/CoreServices" "$WORK/poor/System/Library/Kernels"
cp "$KIT/System/Library/CoreServices/SystemVersion.plist" "$WORK/poor/System/Library/CoreServices"
cp "$KIT/System/Library/Kernels/kernel" "$WORK/poor/System/Library/Kernels"
scenario_set "s|^kdk: .*|kdk: poor|"
fails 2 "the kit has no $KERNEL" "a kit without that kernel"

# In the guest
scenario_set "s|^kdk: .*|kdk: auto|"
unlocked
vmrun start "$SIMLAB_VMX" nogui
guest_up
g "cat >kdk.dmg && mkdir d && sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse && sudo installer -pkg d/KernelDebugKit.pkg -target / &&
	sudo hdiutil detach d" <"$IMAGE" >/dev/null 2>&1
vmrun stop "$SIMLAB_VMX" soft
unlocked
remember
ends_well "a kit in the guest"
is "$(field '.kernel.in_guest, .kernel.kit' | tr '\n' ' ')" "true /Library/Developer/KDKs/$NAME " "... is taken from there"
done_testing
