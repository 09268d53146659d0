#include "orchestrator/config/check.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool only(const char *s, const char *accepted)
{
	return s[strspn(s, accepted)] == '\0';
}

bool check_name(const char *s)
{
	return strlen(s) <= 64 && s[0] != '\0' && strchr(LETTERS DIGITS, s[0]) != NULL &&
	       only(s, LETTERS DIGITS "._-");
}

bool check_ipv4(const char *s)
{
	struct in_addr address;

	return inet_pton(AF_INET, s, &address) == 1;
}

bool check_url(const char *s)
{
	const char *host = NULL;

	if (pl_starts_with(s, "http://"))
		host = s + strlen("http://");
	else if (pl_starts_with(s, "https://"))
		host = s + strlen("https://");
	return host != NULL && host[0] != '\0' && strchr("/:", host[0]) == NULL &&
	       strpbrk(host, " ?#\\") == NULL;
}

bool check_variable(const char *s)
{
	return s[0] != '\0' && strchr(DIGITS, s[0]) == NULL && only(s, LETTERS DIGITS "_");
}

bool check_vm_id(const char *s)
{
	return s[0] != '\0' && strlen(s) <= 64 && only(s, LETTERS DIGITS);
}

bool check_vmx(const char *s)
{
	return strlen(s) > strlen(".vmx") && pl_ends_with(s, ".vmx");
}

bool check_kext(const char *s)
{
	return pl_ends_with(s, ".kext") || pl_ends_with(s, ".kext/");
}

bool check_host_key(const char *s)
{
	/* ssh-keygen -l prints 32 bytes in base64 and drops the '=' that pads them. */
	static const char prefix[] = "SHA256:";

	return pl_starts_with(s, prefix) && strlen(s) == strlen(prefix) + 43 &&
	       only(s + strlen(prefix), LETTERS DIGITS "+/");
}

bool check_absolute(const char *s)
{
	if (s[0] != '/' || strstr(s, "/../") != NULL || pl_ends_with(s, "/.."))
		return false;
	return s[strspn(s, "/")] != '\0';
}

bool check_boot_args(const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return strlen(s) <= BOOT_ARGS_MAX;
}

bool check_version(const char *s)
{
	unsigned parts = 0;

	while (parts < 3) {
		size_t digits = strspn(s, "0123456789");
		if (digits == 0 || digits > 4)
			return false;
		parts++;
		s += digits;
		if (*s != '.')
			break;
		s++;
	}
	return *s == '\0';
}
