#include "tests/simlab/simlab/make.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/text.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/clones.h"
#include "tests/simlab/simlab/firewall.h"
#include "tests/simlab/simlab/leases.h"
#include "tests/simlab/simlab/other_vm.h"
#include "tests/simlab/simlab/sip_words.h"

#define HOST_KEY SIM_DISK "/private/etc/ssh/ssh_host_ed25519_key"

struct pl_error *make_file(const char *path, const char *text, mode_t mode)
{
	return access(path, F_OK) == 0 ? NULL : pl_fs_write(path, text, strlen(text), mode);
}

struct pl_error *make_run(const char *const *argv, struct pl_buf *out)
{
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_proc_result r;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_error *e = pl_proc_run(&spec, &w, &r);
	if (e == NULL && r.status != 0)
		e = pl_error_why(pl_error_new(PL_ERR_LAB, "%s failed", argv[0]), "%s", pl_buf_text(&r.err));
	if (e == NULL && out != NULL)
		e = pl_buf_append(out, pl_buf_text(&r.out), r.out.size);
	pl_proc_result_deinit(&r);
	return e;
}

static const char VMX[] = ".encoding = \"UTF-8\"\n"
			  "# simulated\n"
			  "config.version = \"8\"\n"
			  "virtualHW.version = \"14\"\n"
			  "displayName = \"" SIM_DISPLAY_NAME "\"\n"
			  "firmware = \"efi\"\n"
			  "memsize = \"4096\"\n"
			  "numvcpus = \"2\"\n"
			  "nvram = \"" SIM_VM_NAME ".nvram\"\n"
			  "scsi0.present = \"TRUE\"\n"
			  "scsi0:0.present = \"TRUE\"\n"
			  "scsi0:0.fileName = \"" SIM_VM_NAME ".vmdk\"\n"
			  "ethernet0.present = \"TRUE\"\n"
			  "ethernet0.connectionType = \"nat\"\n"
			  "ethernet0.addressType = \"generated\"\n"
			  "ethernet0.generatedAddress = \"" SIM_OWN_MAC "\"\n"
			  "ethernet0.virtualDev = \"e1000e\"\n"
			  "paniclab.simulated = \"TRUE\"\n"
			  "annotation = \"made for tests |22simulated|22\"\n"
			  "cleanShutdown = \"TRUE\"\n"
			  "msg.autoAnswer = \"TRUE\"\n";
static const char VMSD[] = ".encoding = \"UTF-8\"\n";
static const char VMDK[] = "# Disk DescriptorFile\nversion=1\nCID=51a71ab0\nparentCID=ffffffff\n"
			   "createType=\"monolithicSparse\"\n# simulated: the disk is the folder 'disk'\n";

static struct pl_error *write_nvram(const struct nvram *n)
{
	struct pl_buf b;
	pl_buf_init(&b, NVRAM_FILE_MAX);
	struct pl_error *e = nvram_encode(n, &b);
	if (e == NULL)
		e = pl_fs_write(SIM_NVRAM, b.data, b.size, 0600);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *make_nvram(void)
{
	struct nvram n;
	struct pl_error *e = nvram_create(&n);
	if (e == NULL)
		e = write_nvram(&n);
	nvram_deinit(&n);
	return e;
}

/*
 * --sip: on is a Mac that nobody ever changed (no variable), off is what csrutil
 * disable leaves: `off`, 0 where there is no SIP.
 */
static struct pl_error *set_sip(const char *sip, uint32_t off)
{
	struct nvram n = {0};
	struct pl_buf b;
	uint64_t bits = off;
	uint8_t value[4] = {0};
	pl_buf_init(&b, NVRAM_FILE_MAX);
	struct pl_error *e = pl_fs_read(SIM_NVRAM, &b);
	if (e == NULL)
		e = nvram_decode(b.data, b.size, &n);
	if (e == NULL && (strcmp(sip, "on") == 0 || off == 0))
		nvram_delete(&n, NVRAM_APPLE, "csr-active-config");
	else if (e == NULL) {
		if (strcmp(sip, "off") != 0)
			bits = strtoull(sip, NULL, 16);
		for (int i = 0; i < 4; i++)
			value[i] = (uint8_t)(bits >> (8 * i));
		e = nvram_set(&n, NVRAM_APPLE, "csr-active-config", value, sizeof value);
	}
	if (e == NULL)
		e = write_nvram(&n);
	nvram_deinit(&n);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *set_vmx(const char *key, const char *value)
{
	struct config c;
	struct pl_error *e = config_read(SIM_VMX, &c);
	if (e == NULL)
		e = config_set(&c, key, value);
	if (e == NULL)
		e = config_write(&c, SIM_VMX);
	config_deinit(&c);
	return e;
}

static struct pl_error *make_bundle(const struct sim *s)
{
	bool new_vmx = access(SIM_VMX, F_OK) != 0;
	struct pl_error *e = make_file(SIM_VMX, VMX, 0644);
	if (e == NULL && new_vmx)
		e = set_vmx("guestOS", s->release->guest_os);
	if (e == NULL)
		e = make_file(SIM_VMSD, VMSD, 0644);
	if (e == NULL)
		e = make_file(sim_file(".vmdk"), VMDK, 0600);
	if (e == NULL)
		e = make_file(SIM_OWN_BUNDLE "/vmware.log", "simulated\n", 0644);
	bool fresh = access(SIM_NVRAM, F_OK) != 0;
	if (e == NULL && fresh)
		e = make_nvram();
	/* A new lab is one that the example files fit: SIP was turned off in its guest. */
	const struct sip_words *words = sip_words_of(s->release);
	const char *sip = s->opt.sip[0] == '\0' && fresh ? "off" : s->opt.sip;
	/* The root's seal is a matter of its own: csrutil authenticated-root. */
	if (e == NULL && sip[0] != '\0')
		e = set_sip(sip, words != NULL ? words->off : 0);
	if (e == NULL && s->opt.nic[0] != '\0')
		e = set_vmx("ethernet0.virtualDev", s->opt.nic);
	return e;
}

static struct pl_error *make_key(const char *path)
{
	const char *const argv[] = {
		"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "simulated", "-f", path, NULL};
	return access(path, F_OK) == 0 ? NULL : make_run(argv, NULL);
}

static struct pl_error *make_keys(void)
{
	struct pl_error *e = make_key("guest_key");
	if (e == NULL)
		e = make_key(HOST_KEY);
	if (e == NULL)
		e = make_key(SIM_GUEST_RUN "/other_host_key");
	if (e == NULL)
		e = pl_fs_copy("guest_key.pub", SIM_DISK "/Users/" SIM_USER "/.ssh/authorized_keys", 0600);
	return e;
}

static struct pl_error *make_password(void)
{
	unsigned char bytes[12];
	char text[2 * sizeof bytes + 2];
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot make a password");
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[sizeof text - 2] = '\n';
	text[sizeof text - 1] = '\0';
	return make_file("vmrest-password", text, 0600);
}

/* The stand-ins find the lab by where they are; the program may have moved since. */
static struct pl_error *make_stand_in(const char *name, const char *program)
{
	struct pl_buf b;
	pl_buf_init(&b, 65536);
	struct pl_error *e = pl_buf_puts(&b, "#!/bin/sh\n# simulated\nexec ");
	if (e == NULL)
		e = pl_shell_quote(program, &b);
	if (e == NULL)
		e = pl_buf_printf(&b, " stand-in %s \"${0%%/*}\" \"$@\"\n", name);
	if (e == NULL)
		e = pl_fs_write(name, pl_buf_text(&b), b.size, 0755);
	pl_buf_deinit(&b);
	return e;
}

/* What the lab is, since it was made; another release needs another lab. */
static struct pl_error *choose_release(struct sim *s)
{
	struct pl_buf b;
	const struct release *wanted = NULL;
	struct pl_error *e = NULL;
	pl_buf_init(&b, 64);
	bool fresh = access(SIM_MACOS, F_OK) != 0;
	if (!fresh)
		e = pl_fs_read(SIM_MACOS, &b);
	if (e == NULL && !fresh)
		e = release_find(pl_buf_text(&b), &s->release);
	else if (e == NULL)
		/* A lab of before there were others. */
		s->release = release_default();
	if (e == NULL && s->opt.macos[0] != '\0')
		e = release_find(s->opt.macos, &wanted);
	bool made = access(SIM_DISK "/System", F_OK) == 0;
	if (e == NULL && wanted != NULL && wanted != s->release && made)
		e = pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "this lab's guest is macOS %s", s->release->version),
			"give --dir another folder for another release");
	if (e == NULL && wanted != NULL)
		s->release = wanted;
	if (e == NULL)
		e = pl_fs_write(SIM_MACOS, s->release->version, strlen(s->release->version), 0644);
	pl_buf_deinit(&b);
	return e;
}

struct pl_error *make_lab(struct sim *s)
{
	static const char *const DIRS[] = {SIM_OWN_BUNDLE, SIM_SNAPSHOTS, SIM_GUEST_RUN, "log"};
	char program[PATH_MAX] = "";
	char tools[PATH_MAX];
	struct pl_error *e = NULL;
	if (readlink("/proc/self/exe", program, sizeof program - 1) <= 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot find my own program");
	snprintf(tools, sizeof tools, "%s", program);
	*strrchr(tools, '/') = '\0';
	for (size_t i = 0; i < sizeof DIRS / sizeof DIRS[0] && e == NULL; i++)
		e = pl_fs_mkdirs(DIRS[i]);
	if (e == NULL)
		e = clones_load(s);
	if (e == NULL)
		e = choose_release(s);
	if (e == NULL)
		e = make_bundle(s);
	if (e == NULL)
		e = other_vm_make();
	if (e == NULL)
		e = other_vm_rename(s);
	if (e == NULL && access(SIM_DISK "/System", F_OK) != 0)
		e = make_disk(s->release, s->opt.core_size);
	if (e == NULL)
		e = make_links(tools, s->release);
	if (e == NULL)
		e = make_keys();
	if (e == NULL)
		e = make_password();
	if (e == NULL && access(SIM_FIREWALL, F_OK) != 0)
		e = firewall_create();
	if (e == NULL)
		e = make_stand_in("vmrun", program);
	if (e == NULL)
		e = make_stand_in("vmcli", program);
	if (e == NULL)
		e = make_stand_in("launchctl", program);
	return e != NULL ? e : make_stand_in("socketfilterfw", program);
}

/* ---- settings of this start ---- */

static struct pl_error *write_known_hosts(const struct sim *s)
{
	struct pl_buf key;
	struct pl_buf b;
	pl_buf_init(&key, 4096);
	pl_buf_init(&b, 8192);
	struct pl_error *e = pl_fs_read(HOST_KEY ".pub", &key);
	int len = (int)strcspn(pl_buf_text(&key), "\n");
	if (e == NULL && s->opt.ssh_port == 22)
		e = pl_buf_printf(&b, "%s %.*s\n", s->opt.ip, len, pl_buf_text(&key));
	else if (e == NULL)
		e = pl_buf_printf(&b, "[%s]:%u %.*s\n", s->opt.ip, s->opt.ssh_port, len, pl_buf_text(&key));
	if (e == NULL)
		e = pl_fs_write("known_hosts", b.data, b.size, 0644);
	pl_buf_deinit(&b);
	pl_buf_deinit(&key);
	return e;
}

static struct pl_error *write_fingerprint(void)
{
	const char *const argv[] = {"ssh-keygen", "-l", "-f", HOST_KEY ".pub", NULL};
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	struct pl_error *e = make_run(argv, &b);
	const char *at = strstr(pl_buf_text(&b), "SHA256:");
	if (e == NULL && at == NULL)
		e = pl_error_new(PL_ERR_LAB, "ssh-keygen -l gives no fingerprint");
	if (e == NULL) {
		size_t len = strcspn(at, " \n");
		b.data[(size_t)(at - b.data) + len] = '\n';
		e = pl_fs_write("host-key-fingerprint", at, len + 1, 0644);
	}
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *write_sshd_config(const struct sim *s)
{
	char text[1024];
	snprintf(text, sizeof text,
		"Port %u\nListenAddress %s\nPidFile none\nUsePAM no\nStrictModes no\nUseDNS no\n"
		"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\nPrintLastLog no\n"
		"AuthorizedKeysFile .ssh/authorized_keys\nMaxStartups 100\nLogLevel VERBOSE\n"
		"SetEnv PATH=/usr/bin:/bin:/usr/sbin:/sbin\nSubsystem sftp internal-sftp\n",
		s->opt.ssh_port, s->opt.ip);
	return pl_fs_write(SIM_GUEST_RUN "/sshd_config", text, strlen(text), 0644);
}

struct pl_error *make_env(const struct sim *s)
{
	struct pl_buf b;
	pl_buf_init(&b, 65536);
	struct pl_error *e = pl_buf_printf(&b,
		"# simulated\nSIMLAB_DIR='%s'\nSIMLAB_URL='%s://127.0.0.1:%u'\nSIMLAB_USER='simlab'\n"
		"SIMLAB_PASSWORD_FILE='%s/vmrest-password'\nSIMLAB_VMRUN='%s/vmrun'\n"
		"SIMLAB_SOCKETFILTERFW='%s/socketfilterfw'\nSIMLAB_VMX='%s/" SIM_OWN_VMX "'\n"
		"SIMLAB_VM_ID='%s'\nSIMLAB_VM_NAME='" SIM_VM_NAME "'\n"
		"SIMLAB_OTHER_VMX='%s/" OTHER_VMX "'\n"
		"SIMLAB_GUEST_IP='%s'\nSIMLAB_SSH_PORT='%u'\nSIMLAB_GUEST_USER='" SIM_USER "'\n"
		"SIMLAB_GUEST_KEY='%s/guest_key'\nSIMLAB_KNOWN_HOSTS='%s/known_hosts'\n"
		"SIMLAB_FINGERPRINT_FILE='%s/host-key-fingerprint'\nSIMLAB_LEASES='%s/leases'\n",
		s->dir, s->opt.tls ? "https" : "http", s->opt.port, s->dir, s->dir, s->dir, s->dir, s->vm_id,
		s->dir, s->opt.ip, s->opt.ssh_port, s->dir, s->dir, s->dir, s->dir);
	if (e == NULL && s->opt.tls)
		e = pl_buf_printf(&b, "SIMLAB_CA='%s/ca.pem'\n", s->dir);
	if (e == NULL)
		e = pl_fs_write("lab.env", b.data, b.size, 0644);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *write_sudo_password(const struct sim *s)
{
	const char *p = s->opt.sudo_password;
	unlink(SIM_GUEST_RUN "/sudo-password");
	return p[0] == '\0' ? NULL : pl_fs_write(SIM_GUEST_RUN "/sudo-password", p, strlen(p), 0600);
}

struct pl_error *make_settings(struct sim *s)
{
	struct pl_error *e = write_sshd_config(s);
	if (e == NULL)
		e = write_known_hosts(s);
	if (e == NULL)
		e = write_fingerprint();
	if (e == NULL)
		e = write_sudo_password(s);
	if (e == NULL)
		e = make_env(s);
	leases_write(s);
	return e;
}
