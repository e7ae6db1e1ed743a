/*
 * health - for load balancers and supervisors: 200 or 503, and a short JSON body that says why.
 *
 *     /live      the loop turns
 *     /ready     a read that is sent here now is answered now
 *     /leader    this node leads (/primary, /master); the body tells whether it would take a write
 *     /follower  it follows, is ready, and is no older than max-lag-ms, where that is given (/replica)
 *
 * Role and reasons are those that clients get (refuse.h). How old a follower is is proved by its leader (freshness.h):
 * the first question with a bound stricter than REPLICA_HTTP_AGE_MS has that proof made for the ones that follow.
 */
#ifndef HF_NODE_INSIGHT_HEALTH_H
#define HF_NODE_INSIGHT_HEALTH_H

#include "common/http/http.h"

extern const struct http_route health_routes[];

#endif
