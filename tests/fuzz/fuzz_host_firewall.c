/* socketfilterfw's output: any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/host/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char program[] = "/opt/lab/paniclab";
	const char *text = (const char *)data;
	enum firewall_state state = FIREWALL_UNMANAGED;
	bool known = firewall_read_state(text, size, &state);

	if (known != (state != FIREWALL_UNMANAGED))
		abort();
	if (firewall_read_rule(text, size, program) != FIREWALL_NO_RULE &&
		!memmem(data, size, program, sizeof(program) - 1))
		abort();
	return 0;
}
