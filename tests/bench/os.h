/*
 * What the benchmarks ask of the operating system beyond POSIX. Linux has all
 * of it; elsewhere the functions say no, and the benchmarks say what is missing.
 */
#ifndef BENCH_OS_H
#define BENCH_OS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** The nth core, from the last one down, that this process may use; -1: none, or no pinning here. */
int os_core(unsigned nth);

/** Keeps this process and what it starts on a core. False if that can't be; core < 0 is fine. */
bool os_pin(int core);

/** This process dies with the one that forked it, `parent`. */
void os_die_with(pid_t parent);

/** Memory that a process occupies now and did at most, in bytes. */
bool os_memory(pid_t pid, uint64_t *now, uint64_t *most);

/** Datagrams for the UDP socket at this port that found its receive buffer full, since it was made. */
bool os_udp_drops(unsigned port, uint64_t *ret);

/** As many open files as the system lets this process have. */
void os_raise_files(void);

#endif
