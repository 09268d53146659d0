/* The steps' functions, by the file that has them. See plan.c for their order. */
#ifndef RUN_STEPS_H
#define RUN_STEPS_H

#include "orchestrator/run/context.h"

/* steps_lab.c: Fusion and its VM */
struct pl_error *step_preflight(struct run *r, char *out);
struct pl_error *step_lock(struct run *r, char *out);
struct pl_error *step_snapshot(struct run *r, char *out);
struct pl_error *step_power_on(struct run *r, char *out);
struct pl_error *step_address(struct run *r, char *out);

/* steps_host.c: this host, on the way from the guest to the dump server */
struct pl_error *step_kdumpd(struct run *r, char *out);
struct pl_error *step_server(struct run *r, char *out);
struct pl_error *step_firewall(struct run *r, char *out);

/* steps_arm.c: arming the guest while it is off */
struct pl_error *step_shut_down(struct run *r, char *out);
struct pl_error *step_arm(struct run *r, char *out);
/** Shuts the guest down, edits its .nvram by what is known now, and boots it: run.facts are the new boot's.
 */
struct pl_error *arm_again(struct run *r, const char *why) PL_MUST_USE;

/* steps_clone.c: a clone, on which all the rest happens */
struct pl_error *step_clone(struct run *r, char *out);

/* steps_prepared.c: a guest that was armed by an earlier run */
struct pl_error *step_prepared(struct run *r, char *out);

/* steps_keep.c: keeping this one for later runs */
struct pl_error *step_keep(struct run *r, char *out);

/* steps_facts.c */
struct pl_error *step_facts(struct run *r, char *out);
/** What the guest is in its present boot, into the report. */
void report_facts(struct run *r);

/* steps_kernel.c: the debug kernel */
struct pl_error *step_kernel(struct run *r, char *out);

/* steps_guest.c: arming the guest while it runs */
struct pl_error *step_payload(struct run *r, char *out);
struct pl_error *step_boot_args(struct run *r, char *out);
struct pl_error *step_reboot(struct run *r, char *out);
struct pl_error *step_verify(struct run *r, char *out);
struct pl_error *step_setup(struct run *r, char *out);

/* steps_panic.c: the panic and the dump */
struct pl_error *step_trigger(struct run *r, char *out);
struct pl_error *step_dump(struct run *r, char *out);

/* steps_return.c: the guest's next boot; a kernel that will not reboot is reset */
struct pl_error *step_return(struct run *r, char *out);

/* steps_evidence.c: what is left of it */
/** How the transfer went, into the report. */
void report_transfer(struct run *r);
/** The same, with the file as evidence, for a run that ends before it gets to that. */
void report_cut_transfer(struct run *r);
struct pl_error *step_collect(struct run *r, char *out);
struct pl_error *step_analyse(struct run *r, char *out);
/** What the evidence says against what the scenario expects. */
struct pl_error *step_judge(struct run *r, char *out);

#endif
