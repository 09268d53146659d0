#include <stdio.h>
#include <string.h>

#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/macos.h"

void macos_ifconfig(struct sim *s, struct call *c)
{
	const char *name = c->argc > 0 ? c->argv[0] : "-a";
	bool all = strcmp(name, "-a") == 0;
	if (strcmp(name, "-l") == 0) {
		call_out(c, "lo0 gif0 stf0 en0\n");
		return;
	}
	if (all || strcmp(name, "lo0") == 0)
		call_out(c,
			"lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384\n\tinet 127.0.0.1 netmask "
			"0xff000000 \n");
	if (all || strcmp(name, "en0") == 0)
		call_out(c,
			"en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu "
			"1500\n\tether %s \n\tinet %s netmask 0xffffff00 broadcast %.*s.255\n\tstatus: "
			"active\n",
			sim_mac(), s->opt.ip, (int)(strrchr(s->opt.ip, '.') - s->opt.ip), s->opt.ip);
	else if (strcmp(name, "lo0") != 0) {
		call_err(c, "ifconfig: interface %s does not exist\n", name);
		c->status = 1;
	}
}

void macos_ipconfig(struct sim *s, struct call *c)
{
	if (c->argc == 2 && strcmp(c->argv[0], "getifaddr") == 0 && strcmp(c->argv[1], "en0") == 0)
		call_out(c, "%s\n", s->opt.ip);
	else
		c->status = 1;
}

void macos_route(struct sim *s, struct call *c)
{
	char router[16];
	const char *to = c->argc > 0 ? c->argv[c->argc - 1] : "default";
	bool get = false;
	for (int i = 0; i < c->argc; i++)
		get |= strcmp(c->argv[i], "get") == 0;
	if (!get) {
		call_err(c, "usage: route [-dnqtv] command [[modifiers] args]\n");
		c->status = 64;
		return;
	}
	call_out(c, "   route to: %s\ndestination: %s\n", to, to);
	if (strcmp(to, "default") == 0)
		call_out(c, "       mask: default\n    gateway: %s\n", sim_address(s, 1, router));
	call_out(c, "  interface: en0\n      flags: <UP,HOST,DONE,LLINFO,WASCLONED,IFSCOPE,IFREF>\n");
}

void macos_networksetup(struct sim *s, struct call *c)
{
	char router[16];
	if (c->argc > 0 && strcmp(c->argv[0], "-listallhardwareports") == 0)
		call_out(c, "\nHardware Port: Ethernet\nDevice: en0\nEthernet Address: %s\n", sim_mac());
	else if (c->argc > 0 && strcmp(c->argv[0], "-getinfo") == 0)
		call_out(c, "DHCP Configuration\nIP address: %s\nSubnet mask: 255.255.255.0\nRouter: %s\n",
			s->opt.ip, sim_address(s, 1, router));
	else
		c->status = 4;
}

void macos_ioreg(struct sim *s, struct call *c)
{
	static const char *const DRIVERS[][2] = {
		{"e1000e", "AppleIntel8254XEthernet"},
		{"e1000", "AppleIntel8254XEthernet"},
		{"vmxnet3", "AppleVmxnet3Ethernet"},
	};
	struct config vmx;
	const char *driver = "AppleIntel8254XEthernet";
	(void)s;
	sim_complain(config_read(SIM_VMX, &vmx));
	const char *nic = config_get(&vmx, "ethernet0.virtualDev");
	for (size_t i = 0; i < 3 && nic != NULL; i++)
		if (strcmp(DRIVERS[i][0], nic) == 0)
			driver = DRIVERS[i][1];
	call_out(c,
		"+-o %s  <class %s, id 0x100000235, registered, matched, active, busy 0, retain 12>\n"
		"  | {\n  |   \"IOClass\" = \"%s\"\n  | }\n"
		"  +-o en0  <class IOEthernetInterface, id 0x100000245, registered, matched, active, busy 0, "
		"retain 10>\n"
		"      {\n        \"BSD Name\" = \"en0\"\n      }\n",
		driver, driver, driver);
	config_deinit(&vmx);
}

void macos_ping(struct sim *s, struct call *c)
{
	(void)s;
	call_out(c, "1 packets transmitted, 1 packets received, 0.0%% packet loss\n");
}
