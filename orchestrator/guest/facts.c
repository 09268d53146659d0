#include "orchestrator/guest/facts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/csr.h"
#include "orchestrator/macos/csr_status.h"

/* For people, reports and comparisons: printable, whatever the guest says. */
static struct pl_error *copy(const struct guest_output *o, const char *key, char **ret)
{
	char safe[2048];
	const char *value = guest_value(o, key);
	return pl_strdup(pl_safe_line(value == NULL ? "" : value, safe, sizeof safe), ret);
}

static bool is_printable_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* ---- SIP ------------------------------------------------------------------------ */

/* "w%08%00%00": nvram prints a byte as it is when it can, else as %XX; a u32, the lowest byte first. */
static bool parse_csr(const char *s, uint32_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < 4; i++) {
		unsigned byte = (unsigned char)*s;
		if (byte == '%') {
			int high = pl_hex_digit(s[1]), low = high < 0 ? -1 : pl_hex_digit(s[2]);
			if (low < 0)
				return false;
			byte = (unsigned)(high << 4 | low);
			s += 2;
		} else if (byte == '\0') {
			return false;
		}
		*ret |= byte << 8 * i;
		s++;
	}
	return *s == '\0';
}

static struct pl_error *parse_sip(const struct guest_output *o, struct guest_facts *f)
{
	struct csr_status s;
	struct macos_version macos;
	csr_status_init(&s);
	for (size_t i = 0; i < o->count; i++)
		if (strcmp(o->values[i].key, "csrutil") == 0)
			csr_status_line(&s, o->values[i].value);
	(void)macos_version_parse(f->product_version, &macos);
	csr_status_end(&s, &macos);
	f->csrutil = s;
	f->sip_dtrace = s.dtrace;
	f->sip_nvram = s.nvram;
	f->sip_kext = s.kexts;
	f->sip_debug = s.kernel_debugger;
	/* csrutil has no line for the kernel's debugger. */
	const char *csr = guest_value(o, "csr");
	f->csr_known = csr != NULL && parse_csr(csr, &f->csr);
	if (f->csr_known)
		f->sip_debug = csr_allows_kernel_debugger(f->csr) ? 0 : 1;
	return pl_strdup(s.headline, &f->sip);
}

/* ---- the kernel ----------------------------------------------------------------- */

/* "...; root:xnu-3789.70.16~2/RELEASE_X86_64": the version without the build's "~2", and the variant. */
static struct pl_error *parse_version(struct guest_facts *f)
{
	const char *xnu = strstr(f->kernel_version, "xnu-");
	const char *slash = strrchr(f->kernel_version, '/');
	xnu = xnu == NULL ? "" : xnu + 4;
	slash = slash == NULL ? "" : slash + 1;
	struct pl_error *e = pl_asprintf(&f->xnu, "%.*s", (int)strspn(xnu, "0123456789."), xnu);
	if (e == NULL)
		e = pl_asprintf(&f->variant, "%.*s", (int)strcspn(slash, "_ "), slash);
	for (char *p = f->variant; e == NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return e;
}

/* "{ sec = 1700000000, usec = 0 } Tue Nov 14 ..." */
static struct pl_error *parse_boot_time(const struct guest_output *o, struct guest_facts *f)
{
	const char *value = guest_value(o, "boot_time");
	const char *sec = value == NULL ? NULL : strstr(value, "sec =");
	if (value == NULL)
		value = "";
	if (sec != NULL)
		value = sec + 5;
	value += strspn(value, " ");
	return pl_asprintf(&f->boot_time, "%.*s", (int)strspn(value, "0123456789"), value);
}

static struct pl_error *parse_nvram(const struct guest_output *o, struct guest_facts *f)
{
	const char *set = guest_value(o, "nvram_boot_args_set");
	f->nvram_boot_args_set = set != NULL && strcmp(set, "1") == 0;
	const char *value = guest_value(o, "nvram_boot_args");
	/* nvram prints other bytes as %XX. What cannot be noted down exactly cannot be put back. */
	if (f->nvram_boot_args_set && (value == NULL || !is_printable_ascii(value)))
		return pl_error_new(PL_ERR_GUEST, "the guest's nvram boot-args are not printable ASCII");
	if (f->nvram_boot_args_set)
		return pl_strdup(value, &f->nvram_boot_args);
	if (set != NULL)
		return pl_strdup("", &f->nvram_boot_args);
	/* To take it for unset would delete the user's own boot-args when they are put back. */
	char words[256];
	const char *said = guest_value(o, "nvram_error");
	struct pl_error *e = pl_error_new(PL_ERR_GUEST, "cannot read the guest's nvram boot-args");
	if (said != NULL)
		e = pl_error_why(e, "%s", pl_escape_str(said, words, sizeof words));
	return e;
}

struct pl_error *facts_parse(const struct guest_output *o, struct guest_facts *ret)
{
	*ret = (struct guest_facts){0};
	const struct {
		const char *key;
		char **ret;
	} plain[] = {
		{"product_version", &ret->product_version},
		{"build", &ret->build},
		{"kernel_version", &ret->kernel_version},
		{"kernel_uuid", &ret->kernel_uuid},
		{"boot_args", &ret->boot_args},
		{"boot_session", &ret->boot_session},
		{"arch", &ret->arch},
		{"model", &ret->model},
		{"interface", &ret->interface},
		{"nic_driver", &ret->nic_driver},
	};
	struct pl_error *e = NULL;
	for (size_t i = 0; i < sizeof plain / sizeof *plain && e == NULL; i++)
		e = copy(o, plain[i].key, plain[i].ret);
	if (e == NULL)
		e = parse_version(ret);
	if (e == NULL)
		e = parse_boot_time(o, ret);
	if (e == NULL)
		e = parse_sip(o, ret);
	return e != NULL ? e : parse_nvram(o, ret);
}

struct pl_error *guest_facts_read(struct guest *g, const struct pl_wait *w, struct guest_facts *ret)
{
	struct guest_output o;
	*ret = (struct guest_facts){0};
	struct pl_error *e = guest_script_ok(g, "facts.sh", NULL, false, w, &o);
	if (e == NULL)
		e = pl_error_at(facts_parse(&o, ret), "facts.sh");
	guest_output_deinit(&o);
	if (e != NULL)
		guest_facts_deinit(ret);
	return e;
}

void guest_facts_deinit(struct guest_facts *f)
{
	char *const owned[] = {f->product_version, f->build, f->kernel_version, f->xnu, f->variant,
		f->kernel_uuid, f->boot_args, f->boot_time, f->boot_session, f->nvram_boot_args, f->sip,
		f->arch, f->model, f->interface, f->nic_driver};
	for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
		free(owned[i]);
	*f = (struct guest_facts){0};
}

bool guest_same_boot(const struct guest_facts *a, const struct guest_facts *b)
{
	if (a->boot_session[0] != '\0' && b->boot_session[0] != '\0')
		return strcmp(a->boot_session, b->boot_session) == 0;
	return strcmp(a->boot_time, b->boot_time) == 0;
}
