#include "common/link_batch.h"

#include <errno.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/alloc.h"

/* Rooms that stood a power of two apart would meet in the same few lines of the processor's caches. */
enum { ROOM_STRIDE = LINK_BATCH_ROOM + 320, ROOMS_BYTES = LINK_BATCH_ROOMS * ROOM_STRIDE };

struct link_batch {
    struct io_uring ring;
    char *rooms; /* mapped: what was never used takes no memory, and is on no account */
};

/* Only one thread asks, and what ended is looked for only when it asks: a kernel that knows of that saves the interrupts,
 * and one that does not is asked without. */
static int open_ring(struct io_uring *ring)
{
    int error = io_uring_queue_init(LINK_BATCH, ring,
                                    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN);

    return error == -EINVAL ? io_uring_queue_init(LINK_BATCH, ring, 0) : error;
}

struct link_batch *link_batch_new(void)
{
    struct link_batch *b = xcalloc(1, sizeof *b);
    int error = open_ring(&b->ring);

    if (error) {
        xfree(b);
        errno = -error;
        return NULL;
    }
    b->rooms = mmap(NULL, ROOMS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->rooms != MAP_FAILED)
        return b;
    error = errno;
    io_uring_queue_exit(&b->ring);
    xfree(b);
    errno = error;
    return NULL;
}

void link_batch_free(struct link_batch *b)
{
    if (!b)
        return;
    io_uring_queue_exit(&b->ring);
    munmap(b->rooms, ROOMS_BYTES);
    xfree(b);
}

char *link_batch_room(const struct link_batch *b, int index)
{
    return b->rooms + (size_t)index * ROOM_STRIDE;
}

static void ask(struct io_uring *ring, enum link_batch_kind kind, struct link_batch_item *item)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    ASSERT(sqe); /* there are LINK_BATCH, and all are free between two calls */
    if (kind == LINK_BATCH_SEND)
        io_uring_prep_send(sqe, item->fd, item->at, item->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        io_uring_prep_recv(sqe, item->fd, item->at, item->len, MSG_DONTWAIT);
    io_uring_sqe_set_data(sqe, item);
    item->result = -EAGAIN;
}

static int take_ended(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head, ended = 0;

    io_uring_for_each_cqe(ring, head, cqe)
    {
        struct link_batch_item *item = io_uring_cqe_get_data(cqe);

        item->result = cqe->res == -EINTR ? -EAGAIN : cqe->res;
        ended++;
    }
    io_uring_cq_advance(ring, ended);
    return (int)ended;
}

bool link_batch_run(struct link_batch *b, enum link_batch_kind kind, struct link_batch_item *items,
                    int count)
{
    int left = count;

    for (int i = 0; i < count; i++)
        ask(&b->ring, kind, &items[i]);
    while (left > 0) {
        int result = io_uring_submit_and_wait(&b->ring, (unsigned)left);

        left -= take_ended(&b->ring);
        if (result < 0 && result != -EINTR) {
            errno = -result;
            return left == 0;
        }
    }
    return true;
}
