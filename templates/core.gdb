# Opens a kernel core in gdb, with its kernel and kexts: gdb -x FILE
#
# For the gdb that Apple made, and macOS up to 10.8. A line is left out when what it needs is
# not there, and repeated for each kext. The macros (paniclog and so on) are kgmacros, from the kit.
file {{kernel}}
core-file {{core}}
add-symbol-file {{kext}} {{kext_code}}
source {{macros}}
{{has_macros}}paniclog
{{has_macros}}showcurrentstacks
bt
