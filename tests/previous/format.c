/* In place of common/format.c, which the linker then leaves in its library. */
#include "common/format.h"

const uint32_t format_behind = 1;
