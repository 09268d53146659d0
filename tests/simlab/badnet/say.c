#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wait.h"
#include "tests/simlab/badnet/badnet.h"

#define PACKET_MAX 2048
#define ANSWER_WITHIN (10 * PL_SECOND)

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool read_hex(const char *hex, uint8_t out[static PACKET_MAX], size_t *size)
{
	for (*size = 0; *hex && *size < PACKET_MAX; hex += 2) {
		int high = digit(hex[0]);
		int low = high < 0 ? -1 : digit(hex[1]);
		if (low < 0)
			return false;
		out[(*size)++] = (uint8_t)(high << 4 | low);
	}
	return *hex == '\0';
}

static struct pl_error *one(int fd, const char *hex)
{
	uint8_t bytes[PACKET_MAX];
	size_t size;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct pl_wait w = pl_wait_for(ANSWER_WITHIN, NULL);

	if (!read_hex(hex, bytes, &size))
		return pl_error_new(PL_ERR_USAGE, "not hexadecimal: %s", hex);
	if (send(fd, bytes, size, 0) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot send");
	struct pl_error *err = pl_wait_poll(&w, &p, 1);
	if (err)
		return err;
	ssize_t n = recv(fd, bytes, sizeof bytes, 0);
	if (n < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot receive");
	for (ssize_t i = 0; i < n; i++)
		printf("%02x", bytes[i]);
	printf("\n");
	return NULL;
}

struct pl_error *say(const struct sockaddr_in *to, struct in_addr from, const char *const *datagrams)
{
	const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = from};
	struct pl_error *err = NULL;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof own) < 0 ||
		connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
		err = pl_error_errno(PL_ERR_LAB, errno, "cannot reach the server");
	while (!err && *datagrams)
		err = one(fd, *datagrams++);
	if (fd >= 0)
		close(fd);
	return err;
}
