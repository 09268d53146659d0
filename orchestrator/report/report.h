/*
 * A run's report: for the terminal, as HTML and as Markdown, all made from one
 * JSON document that the run writes into its folder as report.json.
 *
 * The document. A run can fail at any point, so every field may be absent or
 * null; a field of the wrong type counts as absent. Times are
 * "2026-01-31T23:59:59.123Z", durations seconds (may be fractional), sizes
 * bytes, addresses strings ("0xffffff80...").
 *
 *   paniclab     version that made the run
 *   simulated    true: the lab was the simulated one
 *   id           the run's id, also its folder's name: "20261121-101500-ab12"
 *   folder       absolute path of the run's folder: report_text() names files by it
 *   scenario, guest      names
 *   started, finished, seconds
 *   outcome      as-expected, prepared, not-as-expected, no-core, lab-failed,
 *                misconfigured, not-restored, interrupted
 *   exit_code    of the command that ran it
 *   error        null, or {line: as printed, chain: with every context}
 *   vm           {id, vmx, name}
 *   address      {ip, source}
 *   server       {address, port}
 *   facts        what the guest said of itself before the change: {product_version,
 *                build, kernel_version, xnu, variant, kernel_uuid, model, sip,
 *                interface, nic_driver}
 *   sip          {before, during}: csr-active-config, where the run looked into the
 *                .nvram; 0 for none
 *   boot_args    {before, during, findings: [{code, weight: note|warning|stops, subject,
 *                text, advice}]: what is known to be wrong with them}
 *   boots        [{why}]: each boot of the guest before its panic that the run made
 *   prepared     {snapshot, used: the run started from it, stale: why it did not,
 *                digest, made, run}; made is true where this run made it, else when
 *                it was. Absent: none was made for the scenario
 *   clone        {id, vmx, name} of the clone that the run was on; vm is what it was made from
 *   steps        [{name, reason, status: done|failed|skipped|not-reached,
 *                started, seconds, detail, undo: none|done|failed|pending,
 *                undo_seconds}] in the order of the plan
 *   evidence     [{kind: core|core-gz|panic_report|serial_log|system_log,
 *                path: relative to the run's folder, bytes,
 *                status: complete|incomplete|missing, detail}]
 *   dump         the transfer: {name, peer, bytes, packets, resent, seconds,
 *                complete, reason, gzip}
 *   panicked     {seen: something proves a panic, sign: what told of one, or ""}:
 *                also where no text of it could be had
 *   core         what `paniclab inspect --json` prints for the core, its memory_map
 *                included
 *   panic        the panic, decoded: {string, cpu, caller, source, process,
 *                boot_args, backtrace: [{frame, address, symbol, offset, image}],
 *                kexts: [{id, version, uuid, start, end, dependencies}], signature,
 *                signature_title, signature_class, loaded_kexts: [{id, version}], last_loaded_kext};
 *                absent: core's own `panic` is used
 *   panic_text   the panic log as the kernel wrote it
 *   debugger     what lldb made of the core: {program, status: ok|failed|absent,
 *                detail, kernel, kexts: how many it was given, kit: the debug kit that
 *                they are from, commands, log: relative paths, backtrace: [{frame: 0..,
 *                address, image, symbol, offset, source, text}]}; absent: not asked
 *   restored     {complete, left: [{what, by_hand}]}
 *
 * Most of the text comes from a guest that has just crashed: it is hostile.
 * Control bytes are shown as \xNN; HTML and Markdown are escaped; links are
 * relative, percent-encoded, and never leave the run's folder. Long lists and
 * texts are cut and say so. The pages load nothing and run nothing.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/** What out needs at most, as its max, for any document. */
#define REPORT_MAX (64u << 20)

/**
 * For the terminal: the outcome first, then why it panicked, where the core
 * is, which kernel it was, whether all is restored (and how to do the rest by
 * hand), and where the report is. `color` uses ANSI colours. Appends.
 */
struct pl_error *report_text(const json_t *doc, bool color, struct pl_buf *out) PL_MUST_USE;

/** One self-contained page (templates/report.html). Appends. */
struct pl_error *report_html(const json_t *doc, struct pl_buf *out) PL_MUST_USE;

/** GitHub's Markdown, fit for an issue or a CI summary. Appends. */
struct pl_error *report_markdown(const json_t *doc, struct pl_buf *out) PL_MUST_USE;

/** Writes report.html and report.md into run_dir, mode 0600. */
struct pl_error *report_write_pages(const char *run_dir, const json_t *doc) PL_MUST_USE;

/** Writes report.json first, then the pages: the data survives a page's failure. */
struct pl_error *report_write_all(const char *run_dir, const json_t *doc) PL_MUST_USE;

#endif
