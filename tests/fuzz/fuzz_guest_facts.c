/* A script's output, from the bytes to the facts: whatever a guest prints, the result is whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/guest/facts.h"
#include "orchestrator/guest/output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_values(const struct guest_output *o)
{
	check(o->count <= OUTPUT_VALUES_MAX);
	for (size_t i = 0; i < o->count; i++) {
		size_t key = strlen(o->values[i].key);
		check(key > 0 && key <= OUTPUT_KEY_MAX);
		check(strpbrk(o->values[i].key, "= \t\r\n") == NULL);
		check(strchr(o->values[i].value, '\n') == NULL);
		check(guest_value(o, o->values[i].key) != NULL);
	}
}

static void check_facts(const struct guest_facts *f)
{
	const char *const texts[] = {f->product_version, f->build, f->kernel_version, f->xnu, f->variant,
		f->kernel_uuid, f->boot_args, f->boot_time, f->boot_session, f->nvram_boot_args, f->sip,
		f->arch, f->model, f->interface, f->nic_driver};
	const int bits[] = {f->sip_dtrace, f->sip_nvram, f->sip_kext, f->sip_debug};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check(texts[i] != NULL);
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		check(bits[i] >= -1 && bits[i] <= 1);
	check(strspn(f->boot_time, "0123456789") == strlen(f->boot_time));
	check(strspn(f->xnu, "0123456789.") == strlen(f->xnu));
	check(f->nvram_boot_args_set || f->nvram_boot_args[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_output o = {0};
	struct guest_facts f;
	size_t last_size;
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check(output_parse(text, size, &o) == NULL);
	check_values(&o);
	check(output_set_error(text, size, &o) == NULL);
	check(strlen(o.error) <= 4096);
	check(strlen(output_last_words(&o, &last_size)) == last_size);
	const char *after = output_after_start(text);
	check(after == NULL || (after > text && after <= text + size));
	struct pl_error *e = facts_parse(&o, &f);
	if (e == NULL)
		check_facts(&f);
	pl_error_free(e);
	guest_facts_deinit(&f);
	guest_output_deinit(&o);
	free(text);
	return 0;
}
