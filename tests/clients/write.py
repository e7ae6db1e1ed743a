#!/usr/bin/env python3
"""Writes through python3-redis and its Sentinel class, library defaults but for the socket timeout.

Arguments and output are those of every program here: see README.md."""
import os
import sys
import time

import redis
import redis.sentinel

sentinels = [(h, int(p)) for h, p in (s.rsplit(":", 1) for s in sys.argv[1].split(","))]
name, prefix = sys.argv[2], sys.argv[3]

tls = {"ssl": True, "ssl_ca_certs": os.environ["TLS_CA"], "ssl_certfile": os.environ["TLS_CERT"],
       "ssl_keyfile": os.environ["TLS_KEY"]} if "TLS_CA" in os.environ else {}
sentinel = redis.sentinel.Sentinel(sentinels, socket_timeout=0.5, sentinel_kwargs={"socket_timeout": 0.5, **tls}, **tls)
leader = sentinel.master_for(name, socket_timeout=0.5)
number = 0
while True:
    try:
        leader.set("%s:%d" % (prefix, number), number)
        print("ack %d" % number, flush=True)
    except redis.exceptions.RedisError as e:
        print("err %s %s" % (type(e).__name__, str(e).replace("\n", " ")), flush=True)
    number += 1
    time.sleep(0.01)
