/*
 * settings_group - the directives of a durable group's node (durable.h has what they mean). Included by settings.c alone.
 */
#ifndef HF_NODE_SETTINGS_GROUP_H
#define HF_NODE_SETTINGS_GROUP_H

#include "common/settings.h"

extern const struct setting group_setting_rows[];

#endif
