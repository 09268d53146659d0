/* stat(1) of BSD: -f FORMAT with the common letters; -L. No GNU -c. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/simlab/macos/macos.h"

static int usage(char option)
{
	macos_illegal("stat", option);
	fprintf(stderr, "usage: stat [-FlLnqrsx] [-f format] [-t timefmt] [file ...]\n");
	return 1;
}

static void mode_text(mode_t mode, char out[static 11])
{
	static const char RWX[] = "rwxrwxrwx";
	out[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : '?';
	for (int i = 0; i < 9; i++)
		out[1 + i] = (mode & (0400U >> i)) != 0 ? RWX[i] : '-';
	out[10] = '\0';
}

static const char *user_name(unsigned id, bool group)
{
	if (id == 0)
		return group ? "wheel" : "root";
	return group ? "staff" : "lab";
}

/* One directive; `sub` is 'S' (as text), 'L' (low part) or 0. */
static void put(char letter, char sub, const char *name, const struct stat *s)
{
	char text[11];
	if (letter == 'z')
		printf("%jd", (intmax_t)s->st_size);
	else if (letter == 'p' && sub == 'S') {
		mode_text(s->st_mode, text);
		fputs(text, stdout);
	} else if (letter == 'p')
		printf("%o", (unsigned)(sub == 'L' ? s->st_mode & 07777 : s->st_mode));
	else if (letter == 'u' || letter == 'g') {
		unsigned id = letter == 'u' ? s->st_uid : s->st_gid;
		if (sub == 'S')
			fputs(user_name(id, letter == 'g'), stdout);
		else
			printf("%u", id);
	} else if (letter == 'm')
		printf("%jd", (intmax_t)s->st_mtime);
	else if (letter == 'a')
		printf("%jd", (intmax_t)s->st_atime);
	else if (letter == 'c')
		printf("%jd", (intmax_t)s->st_ctime);
	else if (letter == 'i')
		printf("%ju", (uintmax_t)s->st_ino);
	else if (letter == 'l')
		printf("%ju", (uintmax_t)s->st_nlink);
	else if (letter == 'd')
		printf("%ju", (uintmax_t)s->st_dev);
	else if (letter == 'N')
		fputs(name, stdout);
	else if (letter == 'n')
		putchar('\n');
	else
		putchar(letter);
}

static void print_format(const char *format, const char *name, const struct stat *s)
{
	for (const char *f = format; *f != '\0'; f++) {
		char sub = 0;
		if (*f != '%' || f[1] == '\0') {
			putchar(*f);
			continue;
		}
		f++;
		if (*f == 'O' && f[1] != '\0')
			f++;
		if ((*f == 'S' || *f == 'L' || *f == 'H') && f[1] != '\0')
			sub = *f++;
		put(*f, sub, name, s);
	}
	putchar('\n');
}

int macos_stat(int argc, char **argv)
{
	const char *format = "%d %i %Sp %l %Su %Sg %z %N";
	bool follow = false;
	int status = 0;
	int i = 1;
	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "-L") == 0)
			follow = true;
		else if (strcmp(argv[i], "-f") == 0 && i + 1 < argc)
			format = argv[++i];
		else if (strncmp(argv[i], "-Lf", 4) == 0 && i + 1 < argc) {
			follow = true;
			format = argv[++i];
		} else
			return usage(argv[i][1]);
	}
	for (; i < argc; i++) {
		struct stat s;
		if ((follow ? stat(argv[i], &s) : lstat(argv[i], &s)) != 0) {
			fprintf(stderr, "stat: %s: stat: %s\n", argv[i], strerror(errno));
			status = 1;
			continue;
		}
		print_format(format, argv[i], &s);
	}
	return status;
}
