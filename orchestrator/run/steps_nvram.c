/* What is set in the .nvram of a guest that is off, before its first boot. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/reader.h"
#include "orchestrator/fusion/vmx.h"
#include "orchestrator/macos/csr.h"
#include "orchestrator/macos/guest_os.h"
#include "orchestrator/run/offline.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)
#define CSR_NAME "csr-active-config"

static const int64_t OFF_TIME = 20 * PL_SECOND;

/* What the .vmx says; csrutil's values differ little, and the guest itself is asked after the boot. */
static struct pl_error *guest_version(const struct run *r, struct macos_version *ret)
{
	struct vmx v;
	struct pl_error *e = vmx_load(r->vm.vmx, &v);
	if (e == NULL && !macos_of_guest_os(vmx_get(&v, "guestOS"), ret))
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "guestOS does not tell the guest's version"), "%s",
			r->vm.vmx);
	vmx_deinit(&v);
	return e;
}

/* The present value, 0 where there is no variable, and what csrutil would make of it. */
static struct pl_error *choose_csr(
	const struct run *r, const struct offline *o, uint32_t *present, uint32_t *wanted)
{
	struct nvram_id id;
	struct macos_version macos;
	const struct nvram_variable *v;
	struct pl_error *e = nvram_id_parse(CSR_NAME, &id);
	if (e == NULL)
		e = nvram_find(&o->nvram, &id, &v);
	if (e == NULL)
		e = guest_version(r, &macos);
	if (e != NULL)
		return e;
	*present = 0;
	if (v != NULL) {
		struct pl_reader reader = pl_reader_le(v->value, v->value_size);
		*present = pl_read_u32(&reader);
	}
	return csr_disable(&macos, *present, wanted);
}

static struct pl_error *write_csr(struct offline *o, uint32_t value)
{
	struct nvram_id id;
	const uint8_t bytes[4] = {
		(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
	struct pl_error *e = nvram_id_parse(CSR_NAME, &id);
	if (e == NULL)
		e = nvram_set(&o->nvram, &id, 0, bytes, sizeof bytes);
	return e != NULL ? e : offline_write(o);
}

static struct pl_error *intend(struct run *r, const struct offline *o, int64_t *id)
{
	json_t *entry = NULL;
	struct pl_error *e = offline_save(o, CSR_NAME, &entry);
	return e != NULL ? e : run_intent(r, "nvram", json_pack("{s:[o]}", "variables", entry), id);
}

static struct pl_error *change_csr(
	struct run *r, struct offline *o, uint32_t present, uint32_t wanted, char *out)
{
	int64_t id;
	if ((present & wanted) == wanted) {
		SAY("off already: csr-active-config is 0x%" PRIx32, present);
		return NULL;
	}
	struct pl_error *e = intend(r, o, &id);
	if (e == NULL)
		e = write_csr(o, wanted);
	if (e != NULL)
		return e;
	SAY("csr-active-config was 0x%" PRIx32 " and is 0x%" PRIx32, present, wanted);
	return journal_done(r->journal, id);
}

/* A VM whose file cannot be edited may have SIP off all the same: the facts will tell. */
static struct pl_error *leave_it(struct run *r, struct pl_error *e, char *out)
{
	char line[STEP_TEXT_MAX - 32];
	if (pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	SAY("left as it is: %s", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
	pl_log(r->log, PL_LOG_WARN, "%s: SIP is %s", r->cfg->name, out);
	return NULL;
}

struct pl_error *step_sip(struct run *r, char *out)
{
	struct offline o;
	uint32_t present = 0, wanted = 0;
	struct pl_wait w = run_wait(r, OFF_TIME);
	if (r->power_before != VM_POWER_OFF) {
		SAY("left as it is: the VM is %s", vm_power_name(r->power_before));
		return NULL;
	}
	struct pl_error *e = offline_open(r->vm.vmx, r->lab->fusion.vmrun, &w, r->log, &o);
	if (e == NULL)
		e = choose_csr(r, &o, &present, &wanted);
	if (e != NULL) {
		e = leave_it(r, e, out);
	} else {
		run_report(r, "sip",
			json_pack("{s:I, s:I}", "before", (json_int_t)present, "during",
				(json_int_t)(present | wanted)));
		e = change_csr(r, &o, present, wanted, out);
	}
	offline_close(&o);
	return e;
}
