/* pause - how a group that is paused at a sentinel of Redis is known: its quorum is its own and this. */
#ifndef HF_SENTINEL_CTL_PAUSE_H
#define HF_SENTINEL_CTL_PAUSE_H

enum { PAUSE_QUORUM = 1000000 };

#endif
