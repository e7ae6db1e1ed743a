#include "node/serve/notify.h"

#include "common/serve/pubsub.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

/* __keyspace@0__:key, __keyevent@0__:event */
static void publish(struct serve *v, const char *space, int db, struct bytes name,
                    struct bytes payload)
{
    struct buf channel = { 0 };

    buf_printf(&channel, "__%s@%d__:", space, db);
    buf_add(&channel, name);
    v->confirm.telling = true;
    pubsub_publish(v->service->pubsub, PUBSUB_CHANNEL, buf_bytes(&channel), payload);
    v->confirm.telling = false;
    buf_fini(&channel);
}

void notify_event(struct serve *v, enum notify_class class, const char *name, int db,
                  struct bytes key)
{
    uint32_t wanted = (uint32_t)v->world->set->notify_events;

    if (LIKELY(!(wanted & class)))
        return;
    if (wanted & NOTIFY_KEYSPACE)
        publish(v, "keyspace", db, key, bytes_of(name));
    if (wanted & NOTIFY_KEYEVENT)
        publish(v, "keyevent", db, bytes_of(name), key);
}
