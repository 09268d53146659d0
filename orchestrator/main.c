/* The list of commands, nothing else. */
#include "orchestrator/cmd/commands.h"

int main(int argc, char **argv)
{
	static const struct cmd *const commands[] = {
		&cmd_run,
		&cmd_prepare,
		&cmd_teardown,
		&cmd_runs,
		&cmd_serve,
		&cmd_extract,
		&cmd_inspect,
		&cmd_kdk,
		&cmd_nvram,
		&cmd_report,
		&cmd_boot_args,
		&cmd_prune,
		&cmd_init,
		&cmd_validate,
		&cmd_version,
		NULL,
	};
	return cmd_main(commands, argc, argv);
}
