#include "orchestrator/run/context.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/core/signature_rules.h"
#include "orchestrator/run/store.h"

struct pl_error *run_context_init(struct run *r, const struct run_options *o)
{
	*r = (struct run){
		.o = o, .lab = o->lab, .scenario = o->scenario, .log = o->log, .lock = STORE_UNLOCKED};
	arming_init(&r->arm);
	r->doc = json_object();
	if (r->doc == NULL)
		return pl_error_nomem();
	struct pl_error *e = NULL;
	if (o->scenario->guest != NULL)
		e = lab_guest_find(o->lab, o->scenario->guest, &r->cfg);
	else if (o->lab->guests_count == 1)
		r->cfg = &o->lab->guests[0];
	else
		e = pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_USAGE, "no guest is named, and the lab has %zu",
					    o->lab->guests_count),
				"%s", o->scenario->path),
			"add `guest: NAME`");
	if (e == NULL && o->lab->signature_rules != NULL)
		e = signature_rules_load(o->lab->signature_rules, &r->rules);
	if (e == NULL && secret_given(&r->cfg->vm_password))
		e = secret_read(&r->cfg->vm_password, "vm_password", &r->vm_password);
	if (e == NULL)
		e = fusion_open(&r->lab->fusion, r->vm_password, r->log, &r->host);
	return e;
}

void run_context_deinit(struct run *r)
{
	guest_close(r->guest);
	guest_facts_deinit(&r->facts);
	dump_stop(r->dump, NULL);
	serial_deinit(&r->serial);
	vm_close(&r->host);
	vm_deinit(&r->vm);
	secret_free(r->vm_password);
	free(r->rules);
	journal_close(r->journal);
	store_unlock(&r->lock);
	free(r->locked);
	arming_deinit(&r->arm);
	prepared_start_deinit(&r->prepared);
	free(r->boot_args);
	free(r->id);
	free(r->dir);
	json_decref(r->doc);
	*r = (struct run){.lock = STORE_UNLOCKED};
}

struct pl_wait run_wait(const struct run *r, int64_t ns)
{
	return pl_wait_for(ns, r->o->cancel);
}

struct pl_error *run_intent(struct run *r, const char *change, json_t *before, int64_t *id)
{
	/* An undo that does not know what was there would put back nothing, over what a user had. */
	if (before == NULL)
		return pl_error_at(
			pl_error_new(PL_ERR_LAB, "what is there cannot be noted down, so it is not "
						 "changed"),
			"%s", change);
	return journal_intent(r->journal, change, before, id);
}

/* One for the whole run. It is "done" at once: an undo looks for what is there. */
static struct pl_error *note_folders(void *arg)
{
	struct run *r = arg;
	if (r->scenario->isolation != ISOLATION_NONE || r->folders != 0)
		return NULL;
	struct pl_error *e = run_intent(r, "guest-folder", json_pack("{s:s}", "tag", r->id), &r->folders);
	return e != NULL ? e : journal_done(r->journal, r->folders);
}

struct reach run_reach(struct run *r)
{
	return (struct reach){.lab = r->lab,
		.cfg = r->cfg,
		.backend = &r->host,
		.vm = &r->vm,
		.tag = r->id,
		.log = r->log,
		.on_login = note_folders,
		.arg = r};
}

void run_found(struct run *r, const struct found_address *found)
{
	snprintf(r->ip, sizeof r->ip, "%s", found->ip);
	snprintf(r->ip_source, sizeof r->ip_source, "%s", found->source);
}

void run_keep_guest(struct run *r, const struct found_address *found, struct guest *g)
{
	run_found(r, found);
	r->guest = g;
}

struct pl_error *run_connect(struct run *r, const struct pl_wait *w)
{
	struct reach reach = run_reach(r);
	struct found_address found;
	struct guest *g = NULL;
	struct pl_error *e = reach_guest(&reach, w, &found, &g);
	if (e == NULL)
		run_keep_guest(r, &found, g);
	return e;
}

struct pl_error *run_new_boot(struct run *r, const struct pl_wait *w)
{
	struct reach reach = run_reach(r);
	struct found_address found;
	struct guest *g = NULL;
	struct guest_facts facts;
	struct pl_error *e = reach_new_boot(&reach, &r->facts, w, &found, &g, &facts);
	if (e != NULL)
		return pl_error_hint(
			pl_error_context(e, "waiting for %s to come back from its reboot", r->cfg->name),
			"look at its screen; a longer boot_timeout in the lab file gives it more time");
	guest_facts_deinit(&r->facts);
	r->facts = facts;
	run_keep_guest(r, &found, g);
	return NULL;
}

void run_count_boot(struct run *r, const char *why)
{
	json_t *boots = json_object_get(r->doc, "boots");
	if (boots == NULL) {
		boots = json_array();
		run_report(r, "boots", boots);
	}
	/* The report owns it, if there is memory for one. */
	json_array_append_new(json_object_get(r->doc, "boots"), json_pack("{s:s}", "why", why));
}

void run_event(struct run *r, const char *event, json_t *o)
{
	char at[32];
	pl_timestamp(at);
	json_t *line = json_pack("{s:s, s:s}", "event", event, "at", at);
	if (line == NULL || (o != NULL && json_object_update(line, o) < 0)) {
		json_decref(line);
		json_decref(o);
		return;
	}
	json_decref(o);
	if (r->o->ui.event != NULL)
		r->o->ui.event(r->o->ui.arg, line);
	char *path = NULL;
	struct pl_error *e = r->dir == NULL ? NULL : store_path(r->dir, "events.ndjson", &path);
	int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "a");
	if (f == NULL && fd >= 0)
		close(fd);
	if (f != NULL) {
		json_dumpf(line, f, JSON_COMPACT);
		fputc('\n', f);
		fclose(f);
	}
	pl_error_free(e);
	free(path);
	json_decref(line);
}

void run_report(struct run *r, const char *key, json_t *value)
{
	/* A report that lacks a field for want of memory is still a report. */
	if (value != NULL)
		json_object_set_new(r->doc, key, value);
}
