#include "common/format.h"

const uint32_t format_behind = 0;
