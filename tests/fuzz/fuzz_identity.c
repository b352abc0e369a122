/* URIs of certificates, as any CA may have signed them: what is taken holds together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct identity *who)
{
	char text[IDENTITY_TEXT_BYTES];

	identity_format(who, text);
	if (!identity_is_valid(who) || strlen(text) >= sizeof(text))
		abort();
	/* Nobody is more than the role alone allows. */
	if (who->tenant[0] && identity_may_write(who, KIND_SITE))
		abort();
	if (who->role == ROLE_GATEWAY && (who->tenant[0] || identity_may_read(who, KIND_PATH)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct identity who;
	char uri[512];

	if (size >= sizeof(uri))
		return 0;
	memcpy(uri, data, size);
	uri[size] = 0;
	if (identity_parse(uri, "dc", &who))
		check(&who);
	else if (who.role != ROLE_NONE || who.name[0] || who.tenant[0])
		abort();
	return 0;
}
