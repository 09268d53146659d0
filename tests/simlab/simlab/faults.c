#include "tests/simlab/simlab/faults.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum value_kind { VALUE_NONE, VALUE_TIME, VALUE_COUNT, VALUE_SIZE };

static const struct {
	const char *name;
	enum value_kind kind;
} FAULTS[FAULT_COUNT] = {
	[FAULT_REST_DOWN] = {"rest-down", VALUE_NONE},
	[FAULT_REST_SLOW] = {"rest-slow", VALUE_TIME},
	[FAULT_NO_IP] = {"no-ip", VALUE_NONE},
	[FAULT_STALE_IP] = {"stale-ip", VALUE_NONE},
	[FAULT_SSH_REFUSE] = {"ssh-refuse", VALUE_NONE},
	[FAULT_HOST_KEY_CHANGED] = {"host-key-changed", VALUE_NONE},
	[FAULT_BOOT_HANG] = {"boot-hang", VALUE_NONE},
	[FAULT_POWER_STUCK] = {"power-stuck", VALUE_NONE},
	[FAULT_VMRUN_HANG] = {"vmrun-hang", VALUE_NONE},
	[FAULT_VMRUN_LEAVES] = {"vmrun-leaves", VALUE_NONE},
	[FAULT_VMRUN_IN_USE] = {"vmrun-in-use", VALUE_COUNT},
	[FAULT_LOCKS_LINGER] = {"locks-linger", VALUE_TIME},
	[FAULT_SNAPSHOT_FAIL] = {"snapshot-fail", VALUE_NONE},
	[FAULT_DELETE_FAIL] = {"delete-fail", VALUE_NONE},
	[FAULT_REVERT_FAIL] = {"revert-fail", VALUE_NONE},
	[FAULT_REVERT_SPARES_NVRAM] = {"revert-spares-nvram", VALUE_NONE},
	[FAULT_TRIGGER_SILENT] = {"trigger-silent", VALUE_NONE},
	[FAULT_NVRAM_SILENT] = {"nvram-silent", VALUE_NONE},
	[FAULT_SSH_CUT] = {"ssh-cut", VALUE_NONE},
	[FAULT_DUMP_STOP_AT] = {"dump-stop-at", VALUE_SIZE},
	[FAULT_DUMP_LOSS] = {"dump-loss", VALUE_COUNT},
	[FAULT_DUMP_LOSE_EOF_ACK] = {"dump-lose-eof-ack", VALUE_COUNT},
	[FAULT_NO_REBOOT] = {"no-reboot-after-panic", VALUE_NONE},
	[FAULT_FIREWALL_SILENT] = {"firewall-silent", VALUE_NONE},
	[FAULT_FIREWALL_MANAGED] = {"firewall-managed", VALUE_NONE},
	[FAULT_STOP_LIES] = {"vmrun-stop-lies", VALUE_NONE},
	[FAULT_KDUMPD_STAYS] = {"kdumpd-stays", VALUE_NONE},
	[FAULT_KDUMPD_LOST] = {"kdumpd-lost", VALUE_NONE},
	[FAULT_VM_TWIN] = {"vm-twin", VALUE_NONE},
	[FAULT_KCSUFFIX_STRICT] = {"kcsuffix-strict", VALUE_NONE},
	[FAULT_BOOT_PANIC] = {"boot-panic", VALUE_NONE},
	[FAULT_KERNEL_HANG] = {"kernel-hang", VALUE_NONE},
	[FAULT_KEXTCACHE_SILENT] = {"kextcache-silent", VALUE_NONE},
	[FAULT_KMUTIL_FAIL] = {"kmutil-fail", VALUE_NONE},
	[FAULT_BLESS_FAIL] = {"bless-fail", VALUE_NONE},
	[FAULT_HDIUTIL_LICENCE] = {"hdiutil-licence", VALUE_NONE},
	[FAULT_INSTALLER_FAIL] = {"installer-fail", VALUE_NONE},
};

static struct pl_error *unknown(const char *text)
{
	const char *names[FAULT_COUNT];
	for (size_t i = 0; i < FAULT_COUNT; i++)
		names[i] = FAULTS[i].name;
	struct pl_error *e = pl_error_new(PL_ERR_USAGE, "unknown fault '%s'", text);
	const char *nearest = pl_nearest(text, names, FAULT_COUNT);
	return nearest != NULL ? pl_error_hint(e, "did you mean '%s'?", nearest)
			       : pl_error_hint(e, "simlab help lists them");
}

static bool parse_value(enum value_kind kind, const char *text, uint64_t *ret)
{
	int64_t ns = 0;
	if (kind == VALUE_NONE)
		return text == NULL;
	if (text == NULL)
		return false;
	if (kind == VALUE_COUNT)
		return pl_parse_u64(text, UINT32_MAX, ret);
	if (kind == VALUE_SIZE)
		return pl_parse_size(text, ret);
	bool ok = pl_parse_time(text, &ns) && ns >= 0;
	*ret = (uint64_t)ns;
	return ok;
}

struct pl_error *faults_set(struct faults *f, const char *text)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] == '=' ? text + len + 1 : NULL;
	if (strcmp(text, "clear") == 0) {
		*f = (struct faults){0};
		return NULL;
	}
	for (size_t i = 0; i < FAULT_COUNT; i++) {
		if (strncmp(FAULTS[i].name, text, len) != 0 || FAULTS[i].name[len] != '\0')
			continue;
		bool off = value != NULL && strcmp(value, "off") == 0;
		if (!off && !parse_value(FAULTS[i].kind, value, &f->value[i]))
			return pl_error_new(PL_ERR_USAGE, "fault '%s': not a valid value", text);
		f->on[i] = !off;
		return NULL;
	}
	return unknown(text);
}

struct pl_error *faults_print(const struct faults *f, struct pl_buf *out)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; i < FAULT_COUNT && e == NULL; i++) {
		if (!f->on[i])
			continue;
		e = pl_buf_puts(out, FAULTS[i].name);
		if (e == NULL && FAULTS[i].kind != VALUE_NONE)
			e = pl_buf_printf(out, "=%" PRIu64, f->value[i]);
		if (e == NULL && FAULTS[i].kind == VALUE_TIME)
			e = pl_buf_puts(out, "ns");
		if (e == NULL)
			e = pl_buf_puts(out, "\n");
	}
	return e;
}

bool faults_take(struct faults *f, enum fault which)
{
	if (!f->on[which] || f->value[which] == 0)
		return false;
	if (--f->value[which] == 0)
		f->on[which] = false;
	return true;
}
