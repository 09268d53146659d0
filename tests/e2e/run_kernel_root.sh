#!/bin/sh
# A run that wants the debug kernel of 10.9: in the place of Apple's, with its
# System.kext, and no kcsuffix=.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

whole_release 10.9 debug DEBUG_Kernel/mach_kernel root-kernel 0
lacks "$(field .boot_args.during)" kcsuffix "no kcsuffix= in the boot-args"
lab_set "s|folders: .*|folders: []|" "s|images: .*|images: [$IMAGE]|"
ends_well "10.9, an image"
scenario_set "s|kernel: debug|kernel: development|"
fails 2 "take \`kernel: debug\`" "10.9 has no development kernel"
scenario_set "s|kernel: development|kernel: debug|"
# Nothing chooses another kernel at boot: without a snapshot it is for a person
lab_set "s|boot_timeout: .*|boot_timeout: 2s|"
fault kernel-hang
run_lab
is $STATUS 4 "10.9, isolation none: it hangs"
has "$(field '.restored.left[].by_hand')" "saved/mach_kernel" "... and what to do by hand"
fault clear
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... and can be undone when it comes up"
same "... the lab is what it was"
done_testing
