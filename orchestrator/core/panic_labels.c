#include "orchestrator/core/panic_labels.h"

#include "orchestrator/core/panic_text.h"

#define FIELD(name) offsetof(struct panic_text, name)

static const struct panic_label labels[] = {
	{"BSD process name corresponding to current thread", LABEL_TEXT, FIELD(process)},
	{"Process name corresponding to current thread", LABEL_TEXT, FIELD(process)},
	{"Boot args:", LABEL_TEXT, FIELD(boot_args)},
	{"Mac OS version:", LABEL_NEXT, FIELD(build)},
	{"Kernel version:", LABEL_NEXT, FIELD(kernel_version)},
	{"Kernel UUID:", LABEL_UUID, 0},
	{"KernelCache slide:", LABEL_HEX, FIELD(kernelcache_slide)},
	{"KernelCache base:", LABEL_HEX, FIELD(kernelcache_base)},
	{"Kernel slide:", LABEL_HEX, FIELD(kernel_slide)},
	{"Kernel text base:", LABEL_HEX, FIELD(kernel_text_base)},
	{"__HIB  text base:", LABEL_HEX, FIELD(hib_text_base)},
	{"System model name:", LABEL_TEXT, FIELD(model)},
	{"System uptime in nanoseconds:", LABEL_DECIMAL, FIELD(uptime_ns)},
	{"last loaded kext at ", LABEL_TEXT, FIELD(last_loaded_kext)},
	{"last started kext at ", LABEL_TEXT, FIELD(last_loaded_kext)},
	{"loaded kexts:", LABEL_LOADED, 0},
	{"last unloaded kext at ", LABEL_KNOWN, 0},
	{"last stopped kext at ", LABEL_KNOWN, 0},
	{"Kernel Extensions in backtrace", LABEL_KNOWN, 0},
	{"Kernel loadable modules in backtrace", LABEL_KNOWN, 0},
	{"Backtrace continues", LABEL_KNOWN, 0},
	{"Panicked task ", LABEL_KNOWN, 0},
	{"CR0:", LABEL_KNOWN, 0},
	{"RAX:", LABEL_KNOWN, 0},
	{"RSP:", LABEL_KNOWN, 0},
	{"R8:", LABEL_KNOWN, 0},
	{"R12:", LABEL_KNOWN, 0},
	{"RFL:", LABEL_KNOWN, 0},
	{"Fault CR2:", LABEL_KNOWN, 0},
	{"*** Panic Report ***", LABEL_KNOWN, 0},
	{"roots installed:", LABEL_KNOWN, 0},
	{"System shutdown begun:", LABEL_KNOWN, 0},
	{"Panic diags file available:", LABEL_KNOWN, 0},
	{"Hibernation exit count:", LABEL_KNOWN, 0},
	{"Last Sleep:", LABEL_KNOWN, 0},
	{"Uptime  :", LABEL_KNOWN, 0},
	{"Sleep   :", LABEL_KNOWN, 0},
	{"Wake    :", LABEL_KNOWN, 0},
	{"Compressor Info:", LABEL_KNOWN, 0},
	{"Zone info:", LABEL_KNOWN, 0},
	{"Zone map:", LABEL_KNOWN, 0},
	{". PGZ ", LABEL_KNOWN, 0},
	{". VM ", LABEL_KNOWN, 0},
	{". RO ", LABEL_KNOWN, 0},
	{". GEN", LABEL_KNOWN, 0},
	{". DATA", LABEL_KNOWN, 0},
	{"Metadata:", LABEL_KNOWN, 0},
	{"Bitmaps :", LABEL_KNOWN, 0},
	{"Extra   :", LABEL_KNOWN, 0},
};

const struct panic_label *panic_label_of(struct panic_piece line)
{
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (panic_piece_starts(line, labels[i].name))
			return &labels[i];
	return NULL;
}
