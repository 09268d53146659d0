/* The list of commands, nothing else. */
#include "orchestrator/cmd/commands.h"

int main(int argc, char **argv)
{
	static const struct cmd *const commands[] = {
		&cmd_version,
		NULL,
	};
	return cmd_main(commands, argc, argv);
}
