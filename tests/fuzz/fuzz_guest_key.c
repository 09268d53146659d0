/* A private key file: told apart without reading past its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/guest/fingerprint.h"
#include "orchestrator/guest/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t raw[64];
	size_t len;
	char print[FINGERPRINT_SIZE];
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	struct key_info info = key_describe(text, size);
	if (info.form > KEY_OTHER || (info.form == KEY_OTHER && strstr(text, "PRIVATE KEY-----") != NULL))
		abort();
	(void)base64_decode(text, size, raw, sizeof raw, &len);
	if (len > sizeof raw)
		abort();
	fingerprint_of_base64(text, print);
	if (print[0] != '\0' && strlen(print) != 7 + 43)
		abort();
	free(text);
	return 0;
}
