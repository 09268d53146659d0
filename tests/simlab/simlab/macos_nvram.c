/* nvram(8): the firmware's live variables, as SIP lets them be changed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlab/simlab/macos.h"

static void print_variable(struct call *c, const struct nvram_variable *v)
{
	/* boot-args and other texts carry a NUL that is not part of them. */
	size_t size = v->size;
	bool text = size > 1 && v->value[size - 1] == '\0' && memchr(v->value, '\0', size - 1) == NULL;
	call_out(c, "%s\t", v->name);
	for (size_t i = 0; i < size - (text ? 1 : 0); i++) {
		if (isprint(v->value[i]) && v->value[i] != '%')
			call_out(c, "%c", v->value[i]);
		else
			call_out(c, "%%%02x", v->value[i]);
	}
	call_out(c, "\n");
}

static void print_all(struct sim *s, struct call *c)
{
	for (size_t i = 0; i < s->nvram.count; i++)
		if (memcmp(s->nvram.variables[i].guid, NVRAM_APPLE, 16) == 0)
			print_variable(c, &s->nvram.variables[i]);
}

static void fail(struct call *c, const char *doing, const char *name, const char *why)
{
	call_err(c, "nvram: Error %s variable - '%s': (iokit/common) %s\n", doing, name, why);
	c->status = 1;
}

/* True, and said so where the release does, if SIP or a missing root forbids the change. */
static bool forbidden(const struct sim *s, struct call *c, const char *doing, const char *name)
{
	bool guarded = strcmp(name, "boot-args") == 0 || strcmp(name, "csr-active-config") == 0;
	if (!c->root) {
		fail(c, doing, name, "not privileged");
		return true;
	}
	if (!guarded || macos_csr(s, CSR_NVRAM))
		return false;
	const char *refuses = sip_words_of(s->release)->nvram_refuses;
	if (refuses != NULL)
		fail(c, doing, name, refuses);
	return true;
}

/* %xx in place; the length. */
static size_t unescape(char *value)
{
	char *to = value;
	for (const char *p = value; *p != '\0'; p++) {
		char hex[3] = {0};
		if (p[0] == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
			memcpy(hex, p + 1, 2);
			*to++ = (char)strtol(hex, NULL, 16);
			p += 2;
		} else
			*to++ = *p;
	}
	*to = '\0';
	return (size_t)(to - value);
}

static void set(struct sim *s, struct call *c, char *name, char *value)
{
	if (s->faults.on[FAULT_SSH_CUT]) {
		c->ready = call_hangs;
		return;
	}
	if (forbidden(s, c, "setting", name) || s->faults.on[FAULT_NVRAM_SILENT])
		return;
	size_t size = unescape(value);
	/* boot-args go to the firmware as a C string. */
	bool text = strcmp(name, "boot-args") == 0;
	sim_complain(nvram_set(&s->nvram, NVRAM_APPLE, name, value, text ? size + 1 : size));
}

static void delete (struct sim *s, struct call *c, const char *name)
{
	if (forbidden(s, c, "deleting", name) || s->faults.on[FAULT_NVRAM_SILENT])
		return;
	nvram_delete(&s->nvram, NVRAM_APPLE, name);
}

static void get(struct sim *s, struct call *c, const char *name)
{
	const struct nvram_variable *v = nvram_get(&s->nvram, NVRAM_APPLE, name);
	if (v != NULL)
		print_variable(c, v);
	else
		fail(c, "getting", name, "data was not found");
}

void macos_nvram(struct sim *s, struct call *c)
{
	if (c->argc == 0) {
		call_err(c, "nvram: usage: nvram [-x] [-p] [-f filename] [-d name] [-c] name[=value] ...\n");
		c->status = 1;
	}
	for (int i = 0; i < c->argc; i++) {
		char *word = c->argv[i];
		char *equals = strchr(word, '=');
		if (strcmp(word, "-p") == 0)
			print_all(s, c);
		else if (strcmp(word, "-d") == 0 && i + 1 < c->argc)
			delete (s, c, c->argv[++i]);
		else if (word[0] == '-') {
			call_err(c, "nvram: (usage: unknown option %s)\n", word);
			c->status = 1;
		} else if (equals != NULL) {
			*equals = '\0';
			set(s, c, word, equals + 1);
		} else
			get(s, c, word);
	}
}
