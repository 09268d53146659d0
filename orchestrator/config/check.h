/*
 * What a text in a configuration file may be: true if it is acceptable.
 *
 * Control characters are refused before these are asked (schema.h).
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>

/* xnu, pexpert/pexpert/i386/boot.h: BOOT_LINE_LENGTH, the NUL included. */
#define BOOT_ARGS_MAX 1023

bool check_name(const char *s);      /* [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 */
bool check_ipv4(const char *s);      /* dotted, four numbers */
bool check_url(const char *s);       /* http:// or https://, a host, no blanks, '?' or '#' */
bool check_variable(const char *s);  /* [A-Za-z_][A-Za-z0-9_]* */
bool check_vm_id(const char *s);     /* letters and digits, at most 64 */
bool check_vmx(const char *s);       /* ends in .vmx */
bool check_kext(const char *s);      /* ends in .kext, a final '/' aside */
bool check_host_key(const char *s);  /* SHA256: and the 43 characters of its base64 */
bool check_absolute(const char *s);  /* begins with '/', has a name, no ".." */
bool check_version(const char *s);   /* one to three numbers with dots: 10.15.7, 13.6, 14 */
bool check_boot_args(const char *s); /* printable ASCII, at most BOOT_ARGS_MAX */

#endif
