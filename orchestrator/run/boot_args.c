#include "orchestrator/run/boot_args.h"

#include <stdlib.h>

#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/boot_args_encode.h"

struct pl_error *run_boot_args_make(const char *present, const struct run_boot_args *choices, char **ret)
{
	const bool dump = choices->server != NULL;
	const struct boot_args_wish wish = {
		.dump = dump ? DUMP_NETWORK : DUMP_NONE,
		.server = choices->server,
		.port = choices->port,
		.interface = dump ? choices->interface : NULL,
		.reboot = dump,
		.nmi = dump,
		.kernel = choices->kcsuffix,
		.serial = choices->serial,
		.xnu = choices->xnu,
	};
	char *ours = NULL;
	struct pl_error *e = boot_args_encode(present, &wish, &ours);
	if (e == NULL)
		e = boot_args_merge(ours, choices->extra, ret);
	free(ours);
	return e;
}

void run_boot_args_warn(const struct boot_args_findings *f, const char *guest, const struct pl_log *log)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct boot_args_finding *found = &f->list[i];
		pl_log(log, found->weight == FINDING_NOTE ? PL_LOG_DEBUG : PL_LOG_WARN, "%s: %s %s: %s",
			guest, found->subject, found->text, found->advice);
	}
}

struct pl_error *run_boot_args_refuse(const struct boot_args_findings *f)
{
	const struct boot_args_finding *found = boot_args_stops(f);
	if (found == NULL)
		return NULL;
	struct pl_error *e = pl_error_new(PL_ERR_USAGE, "%s %s", found->subject, found->text);
	e = pl_error_why(pl_error_at(e, "boot_args"), "rule %s of `paniclab boot-args decode`", found->code);
	return pl_error_hint(e, "%s, or have the scenario expect no core", found->advice);
}

struct pl_error *run_boot_args_expect_core(const char *args, const struct macos_version *xnu)
{
	const struct boot_args_guest guest = {.xnu = *xnu};
	struct boot_args_findings found;
	boot_args_check(args, DUMP_NETWORK, &guest, &found);
	return run_boot_args_refuse(&found);
}
