#include "tests/simlab/simlab/power.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/panic.h"

#define TRANSITION (150 * PL_MS)
#define GOING_DOWN (60 * PL_MS)
#define UNLOCK_AFTER (250 * PL_MS)

const char *power_name(enum power p)
{
	static const char *const NAMES[] = {
		[POWER_OFF] = "poweredOff",
		[POWER_STARTING] = "poweringOn",
		[POWER_ON] = "poweredOn",
		[POWER_STOPPING] = "poweringOff",
		[POWER_PAUSED] = "paused",
		[POWER_SUSPENDED] = "suspended",
	};
	return NAMES[p];
}

static void change(struct sim *s, enum power to)
{
	sim_event("power %s -> %s", power_name(s->power), power_name(to));
	s->power = to;
}

/* What an open bundle looks like from outside. */
static void lock_bundle(const struct sim *s)
{
	char text[256];
	mkdir(SIM_VMX_LOCK, 0755);
	snprintf(text, sizeof text, "processID=%d machineID=simulated lockType=W\n", (int)getpid());
	sim_complain(pl_fs_write(sim_file(".vmx.lck/M00001.lck"), text, strlen(text), 0644));
	sim_complain(pl_fs_write(SIM_VMEM, "simulated memory\n", 17, 0600));
	(void)s;
}

static void unlock_bundle(void)
{
	sim_complain(pl_fs_remove_tree(SIM_VMX_LOCK));
	unlink(SIM_VMEM);
}

/* Fusion writes the .vmx anew when the VM goes off. */
static void rewrite_vmx(void)
{
	struct config c;
	struct pl_error *e = config_read(SIM_VMX, &c);
	if (e == NULL)
		e = config_write(&c, SIM_VMX);
	config_deinit(&c);
	sim_complain(e);
}

bool power_start(struct sim *s)
{
	if (s->power != POWER_OFF && s->power != POWER_SUSPENDED)
		return false;
	change(s, POWER_STARTING);
	sim_timer_in(s, TIMER_POWER, TRANSITION);
	return true;
}

bool power_stop(struct sim *s)
{
	if (s->power == POWER_OFF || s->power == POWER_STOPPING)
		return false;
	panic_end(s);
	boot_down(s);
	s->timers[TIMER_DOWN] = 0;
	s->resume = false;
	change(s, POWER_STOPPING);
	sim_timer_in(s, TIMER_POWER, TRANSITION);
	return true;
}

bool power_shutdown(struct sim *s)
{
	if (!sim_is_on(s) || !s->guest_running || !s->tools)
		return false;
	power_guest_down(s, true);
	return true;
}

bool power_reset(struct sim *s)
{
	if (s->power != POWER_ON && s->power != POWER_PAUSED)
		return false;
	sim_event("reset");
	panic_end(s);
	boot_down(s);
	s->power = POWER_ON;
	boot_start(s);
	return true;
}

/* All that runs in the machine, a panicking kernel included. */
static void stand_still(struct sim *s)
{
	guest_freeze(s->guest, true);
	if (s->panic > 0)
		kill(s->panic, SIGSTOP);
}

static void go_on(struct sim *s)
{
	if (!s->panicked)
		guest_freeze(s->guest, false);
	if (s->panic > 0)
		kill(s->panic, SIGCONT);
}

bool power_suspend(struct sim *s)
{
	if (s->power != POWER_ON)
		return false;
	stand_still(s);
	boot_write_nvram(s);
	unlock_bundle();
	sim_complain(pl_fs_write(SIM_VMSS, "simulated suspend state\n", 24, 0600));
	s->resume = s->guest_running;
	s->boot.frozen = time(NULL);
	change(s, POWER_SUSPENDED);
	return true;
}

bool power_pause(struct sim *s)
{
	if (s->power != POWER_ON)
		return false;
	stand_still(s);
	change(s, POWER_PAUSED);
	return true;
}

bool power_unpause(struct sim *s)
{
	if (s->power != POWER_PAUSED)
		return false;
	go_on(s);
	change(s, POWER_ON);
	return true;
}

static void now_on(struct sim *s)
{
	change(s, POWER_ON);
	s->timers[TIMER_UNLOCK] = 0;
	lock_bundle(s);
	if (unlink(SIM_VMSS) != 0)
		boot_start(s);
	else if (s->resume)
		boot_resume(s);
	else
		go_on(s); /* suspended while it booted, or panicked */
	s->resume = false;
}

static void now_off(struct sim *s)
{
	boot_write_nvram(s);
	nvram_deinit(&s->nvram);
	rewrite_vmx();
	unlink(SIM_VMSS);
	change(s, POWER_OFF);
	bool linger = s->faults.on[FAULT_LOCKS_LINGER];
	sim_timer_in(s, TIMER_UNLOCK, linger ? (int64_t)s->faults.value[FAULT_LOCKS_LINGER] : UNLOCK_AFTER);
}

bool power_locked(const struct sim *s)
{
	return s->timers[TIMER_UNLOCK] != 0;
}

void power_unlock_timer(struct sim *s)
{
	(void)s;
	unlock_bundle();
}

void power_timer(struct sim *s)
{
	if (s->faults.on[FAULT_POWER_STUCK]) {
		sim_timer_in(s, TIMER_POWER, TRANSITION);
		return;
	}
	if (s->power == POWER_STARTING)
		now_on(s);
	else if (s->power == POWER_STOPPING)
		now_off(s);
}

void power_guest_down(struct sim *s, bool to_off)
{
	s->down_to_off = to_off;
	sim_timer_in(s, TIMER_DOWN, GOING_DOWN);
}

void power_down_timer(struct sim *s)
{
	if (s->down_to_off) {
		power_stop(s);
		return;
	}
	sim_event("guest reboots");
	boot_down(s);
	boot_start(s);
}

void power_cut(struct sim *s)
{
	panic_end(s);
	boot_down(s);
	memset(s->timers, 0, sizeof s->timers);
	if (s->power != POWER_OFF)
		now_off(s);
	s->timers[TIMER_UNLOCK] = 0;
	unlock_bundle();
	s->resume = false;
}
