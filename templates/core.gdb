# Opens a kernel core in gdb, with its kernel and kexts: gdb -x THIS_FILE
# For the gdb that Apple made, and macOS up to 10.8.
file {{kernel}}
core-file {{core}}
add-symbol-file {{kext}} {{kext_code}}
source {{macros}}
{{has_macros}}paniclog
{{has_macros}}showcurrentstacks
bt
