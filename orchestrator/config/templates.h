/* templates/lab.yaml and templates/scenario.yaml, as the build embeds them. */
#ifndef CONFIG_TEMPLATES_H
#define CONFIG_TEMPLATES_H

#include "base/embed.h"

extern const struct pl_embedded config_templates[];

#endif
