#include "node/insight/identity.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "common/random.h"

static struct identity self;

const struct identity *identity(void)
{
    return &self;
}

void identity_begin(bool supervised)
{
    random_hex(self.run_id, sizeof self.run_id - 1);
    self.started_ms = clock_now_ms();
    self.supervised = supervised;
}

void identity_started(void)
{
    self.startup_bytes = alloc_used_bytes();
}
