/* vmrest's answers: any bytes through every decoder. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/fusion/vmrest.h"

static void decode_network(const struct vmrest_text *t)
{
	struct vm_network n;
	bool found;
	struct pl_error *e = vmrest_decode_network(t, "vmnet8", &found, &n);

	if (!e && found && (n.mask == 0 || (n.subnet & ~n.mask) != 0))
		abort();
	pl_error_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ip(const char *ip)
{
	struct in_addr a;

	if (inet_pton(AF_INET, ip, &a) != 1)
		abort();
}

static void decode_vms(const struct vmrest_text *t)
{
	struct vmrest_vm *vms = NULL;
	size_t count = 0;
	struct pl_error *e = vmrest_decode_vms(t, &vms, &count);

	/* an id goes into a URL */
	for (size_t i = 0; !e && i < count; i++)
		if (strpbrk(vms[i].id, "/?#%&. ") || !*vms[i].id || *vms[i].path != '/')
			abort();
	vmrest_vms_free(vms, count);
	pl_error_free(e);
}

static void decode_id(const struct vmrest_text *t)
{
	char *id = NULL;
	struct pl_error *e = vmrest_decode_id(t, &id);

	if ((e == NULL) != (id != NULL) || (id && (strpbrk(id, "/?#%&. ") || !*id)))
		abort();
	free(id);
	pl_error_free(e);
}

static void decode_addresses(const struct vmrest_text *t)
{
	char ip[16], ips[16][16];
	size_t count;
	struct pl_error *e = vmrest_decode_ip(t, ip);

	if (!e)
		check_ip(ip);
	pl_error_free(e);
	e = vmrest_decode_nicips(t, ips, &count);
	for (size_t i = 0; !e && i < count; i++)
		check_ip(ips[i]);
	pl_error_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vmrest_text t = {(const char *)data, size, "GET /api/x"};
	struct vmrest_nic nics[8];
	enum vm_power power;
	size_t count;

	decode_vms(&t);
	decode_id(&t);
	decode_addresses(&t);
	pl_error_free(vmrest_decode_power(&t, &power));
	pl_error_free(vmrest_decode_nics(&t, nics, &count));
	if (count > 8)
		abort();
	decode_network(&t);
	pl_error_free(vmrest_decode_failure(200, t.text, size));
	struct pl_error *e = vmrest_decode_failure(500, t.text, size);
	if (!e)
		abort();
	pl_error_free(e);
	return 0;
}
