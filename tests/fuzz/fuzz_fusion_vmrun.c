/* vmrun's output: any bytes; names hold no line breaks, addresses are some. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmrun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const char *text, size_t size, const char *head)
{
	char **names;
	size_t count;
	struct pl_error *e = vmrun_read_list(text, size, head, &names, &count);

	if (e && (names || count || pl_error_kind(e) != PL_ERR_DATA))
		abort();
	for (size_t i = 0; i < count; i++)
		if (strchr(names[i], '\n'))
			abort();
	vm_names_free(names, count);
	pl_error_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char ip[16], error[64];
	struct in_addr a;

	check_list(text, size, "Total running VMs");
	check_list(text, size, "Total snapshots");
	if (vmrun_read_ip(text, size, ip) && inet_pton(AF_INET, ip, &a) != 1)
		abort();
	if (vmrun_read_error(text, size, error, sizeof(error)))
		for (const char *p = error; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 127)
				abort();
	return 0;
}
