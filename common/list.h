/*
 * list - an intrusive doubly linked list: the links live inside the element, so joining and leaving
 * are O(1) and allocate nothing. A zeroed node is on no list; a zeroed head must be list_init-ed.
 */
#ifndef HF_COMMON_LIST_H
#define HF_COMMON_LIST_H

#include "common/err.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_linked(const struct list *node)
{
    return node->next != NULL;
}

/* O(nodes). */
static inline size_t list_length(const struct list *head)
{
    size_t n = 0;

    for (const struct list *node = head->next; node != head; node = node->next)
        n++;
    return n;
}

static inline void list_insert(struct list *node, struct list *before)
{
    ASSERT(!node->next);
    node->prev = before->prev;
    node->next = before;
    before->prev->next = node;
    before->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert(node, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert(node, head->next);
}

/* Leaves its list; on none, nothing happens. */
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/* All that is on from goes to head, whatever that was before, and from is empty. */
static inline void list_take(struct list *head, struct list *from)
{
    head->next = NULL;
    list_insert(head, from);
    list_remove(from);
    list_init(from);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

/* The body may remove the node it stands on, and no other. */
#define LIST_EACH(head, node)                                                         \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

#endif
