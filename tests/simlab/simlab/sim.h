/*
 * The simulated lab's one state: what Fusion, its VM and the host's firewall
 * are just now. Owned by the daemon, which is single-threaded; the
 * daemon's working folder is the lab's, so all paths are relative to it.
 *
 *     vmrun, socketfilterfw, launchctl, vmrest-password, guest_key, known_hosts, leases ...
 *     Virtual Machines/sierra.vmwarevm/   the bundle, in Fusion's formats
 *     Virtual Machines/high-sierra.vmwarevm/   another VM's (other_vm.h)
 *     disk/       the guest's file system (what the .vmdk stands for)
 *     snapshots/  one folder a snapshot
 *     clones/     disks of clones
 *     macos       which release the guest is
 *     run/        sockets, lock, what the guest sees as /.lab
 *     log/        the daemon's, sshd's, and events.log
 */
#ifndef SIMLAB_SIM_H
#define SIMLAB_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/wait.h"
#include "tests/simlab/bundle_nvram.h"
#include "tests/simlab/kernel_desc.h"
#include "tests/simlab/simlab/faults.h"

#define SIM_VM_NAME "sierra"
#define SIM_DISPLAY_NAME "Sierra (simulated)"
#define SIM_ID_SIZE 33
#define SIM_USER "lab"
#define SIM_STALE 99 /* the last number of an address that never answers */
#define SIM_HOST_NAME "sierras-Mac"

/* The lab's own VM's. */
#define SIM_OWN_BUNDLE "Virtual Machines/" SIM_VM_NAME ".vmwarevm"
#define SIM_OWN_VMX SIM_OWN_BUNDLE "/" SIM_VM_NAME ".vmx"
#define SIM_OWN_MAC "00:50:56:3a:0c:1f"
#define SIM_CLONE_MAC "00:50:56:3a:0d:%02x"

/* Of the machine that the lab plays just now: its own, or a clone of it (clones.h). */
#define SIM_VMX sim_file(".vmx")
#define SIM_VMSD sim_file(".vmsd")
#define SIM_NVRAM sim_file(".nvram")
#define SIM_VMSS sim_file(".vmss")
#define SIM_VMEM sim_file(".vmem")
#define SIM_VMX_LOCK sim_file(".vmx.lck")
#define SIM_DISK "disk"
#define SIM_SNAPSHOTS "snapshots"
#define SIM_GUEST_RUN "run/guest"
#define SIM_SSHD_LOG "log/sshd.log"
#define SIM_EVENTS "log/events.log"
#define SIM_LEASES "leases"
#define SIM_MACOS "macos"
#define SIM_FIREWALL "firewall"
#define SIM_PANIC_RESULT "run/panic-result"
#define SIM_PANIC_REPORT "run/panic-report"
#define SIM_PANIC_TEXT "run/panic-text"

enum power {
	POWER_OFF,
	POWER_STARTING,
	POWER_ON,
	POWER_STOPPING,
	POWER_PAUSED,
	POWER_SUSPENDED,
};

struct options {
	char ip[16];
	uint16_t port;     /* vmrest's; the real one once it listens */
	uint16_t ssh_port; /* 0 until a free one is found */
	char sip[16];      /* on, off, hex digits; "" keeps what is there, off in a new lab */
	char nic[16];      /* "" keeps what is there */
	uint64_t core_size;
	int64_t boot_time;
	bool tls;
	char vm_password[64];   /* of an encrypted VM; "" if it is not */
	char sudo_password[64]; /* "" for NOPASSWD */
	double time_factor;     /* of the panicking kernel's waits */
	char macos[16];         /* "" keeps what the lab is, 10.12.6 in a new one */
};

/* What one boot of the guest runs with; a snapshot with memory carries it. */
struct boot {
	struct kernel_desc kernel;
	uint64_t entropy;
	uint32_t csr;
	time_t at;
	time_t frozen;      /* when its memory was put away; 0: it runs */
	char variant[16];   /* RELEASE, DEVELOPMENT ...: of the kernel's version */
	char kexts[256];    /* loaded by hand, blank after each */
	bool root_writable; /* 10.15: mount -uw / */
	bool early;         /* it panics while it boots: no network yet */
};

enum timer {
	TIMER_POWER,  /* a power transition ends */
	TIMER_DOWN,   /* the guest goes down by its own will */
	TIMER_BOOT,   /* the guest is up */
	TIMER_TOOLS,  /* Tools begin to report */
	TIMER_UNLOCK, /* an off VM's locks go */
	TIMER_COUNT,
};

#define CLONES_MAX 8
struct clone {
	char vmx[1024]; /* absolute */
	char id[SIM_ID_SIZE];
	unsigned number; /* of its folder in clones/ */
};

struct sim {
	char *dir; /* absolute */
	struct options opt;
	struct faults faults;
	const struct release *release; /* the guest's */
	bool quit;
	char vm_id[SIM_ID_SIZE]; /* vmrest's, new each time it starts; the other VM's too */
	char other_id[SIM_ID_SIZE];
	struct clone clones[CLONES_MAX];
	size_t clone_count;
	int active; /* whose turn it is to be the machine: an index into clones, or CLONES_OWN */
	enum power power;
	bool guest_running;          /* its kernel is; false while it boots, is down, has panicked */
	bool tools;                  /* VMware Tools report */
	bool panicked;               /* and neither reset nor rebooted yet */
	bool down_to_off;            /* TIMER_DOWN: power off, else reboot */
	bool resume;                 /* the next start continues `boot`, from memory */
	pid_t guest;                 /* its first process; 0: none */
	pid_t panic;                 /* the process that plays the panicking kernel; 0: none */
	int64_t timers[TIMER_COUNT]; /* pl_now() values; 0: not set */
	int kdumpd;                  /* launchd's socket for it; 0: none */
	struct boot boot;
	struct nvram nvram; /* the firmware's live copy; only while powered on */
	unsigned boots;
};

/** One line into events.log: what a test may want to count. */
void sim_event(const char *fmt, ...) PL_PRINTF(1, 2);

/** Logs and ends an error that nobody can be told of. */
void sim_complain(struct pl_error *e);

void sim_timer_in(struct sim *s, enum timer t, int64_t ns);

/** Absolute path below the lab, malloc'd. Never NULL: without memory the lab ends. */
char *sim_path(const struct sim *s, const char *relative);

/** The machine from now on: the clone with that .vmx and number; NULL: the lab's own VM. */
void sim_use(const char *vmx, unsigned number);

/** The machine's bundle; its file with that suffix. Good until the eighth call after. */
const char *sim_bundle(void);
const char *sim_file(const char *suffix);

/** What its .vmx is called, without the suffix. */
const char *sim_name(void);

const char *sim_mac(void);

/** The address with that last number in the guest's /24; .1 is the host's. */
const char *sim_address(const struct sim *s, unsigned last, char out[static 16]);

/** True if the power is on and the machine neither paused nor in a transition. */
bool sim_is_on(const struct sim *s);

#endif
