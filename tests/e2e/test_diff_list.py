"""Random commands on lists, to our node and to Debian's redis-server: replies, keyspace events and data are equal;
followers, DUMP and RDB carry lists both ways; and commands that wait end in the same way.
"""
from harness.case import limit
from harness.compare import compare
from harness.sequences import dumps_are_restored, files_go_round, followers_agree, replies_are_equal
from harness.wait import until

KEYS = ["l%d" % i for i in range(6)]
ELEMENTS = ["a", "b", "c", "", "0", "7", "-1", "127", "128", "4096", "-70000", "9223372036854775807", "007", "x" * 63,
            "y" * 64, "z" * 3000, "w" * 9000, "1.5"]
NUMBERS = ["0", "1", "2", "-1", "-2", "3", "5", "100", "-100", "x", "", "9223372036854775807", "-9223372036854775808"]
ENDS = ["LEFT", "RIGHT", "left", "Right", "LEFT", "RIGHT", "up"]
TIMEOUTS = ["0.01", "1", "x", "-1", "nan", "1e30"]


def some(rng, choices, most):
    return [rng.choice(choices) for _ in range(rng.randrange(most))]


def make_push(rng):
    return [rng.choice(["LPUSH", "RPUSH", "LPUSH", "RPUSH", "LPUSHX", "RPUSHX"]), rng.choice(KEYS)] + \
        some(rng, ELEMENTS, rng.choice([3, 8, 40]))


def make_pop(rng):
    return [rng.choice(["LPOP", "RPOP"]), rng.choice(KEYS)] + rng.choice([[], [], [rng.choice(NUMBERS)], ["1", "2"]])


def make_pop_many(rng):
    keys = some(rng, KEYS, 4)
    count = rng.choice([str(len(keys))] * 8 + ["0", "x", "-1", "99999999999"])
    words = [count] + keys + [rng.choice(ENDS)] + rng.choice([[], [], ["COUNT", rng.choice(NUMBERS)], ["COUNT"], ["FOO", "1"]])
    return ["LMPOP"] + words


def make_position(rng):
    words = ["LPOS", rng.choice(KEYS), rng.choice(ELEMENTS)]
    for option in ("RANK", "COUNT", "MAXLEN"):
        if rng.random() < .3:
            words += [option, rng.choice(NUMBERS[:10] if option == "RANK" else NUMBERS)]
    return words + rng.choice([[], [], [], ["bad"]])


def make_move(rng):
    a, b = rng.choice(KEYS + ["text"]), rng.choice(KEYS + ["text"])
    return rng.choice([["LMOVE", a, b, rng.choice(ENDS), rng.choice(ENDS)], ["RPOPLPUSH", a, b]])


def make_plain(rng):
    k, v, n = rng.choice(KEYS + ["text"]), rng.choice(ELEMENTS), rng.choice(NUMBERS)
    return rng.choice([
        ["LLEN", k], ["LRANGE", k, n, rng.choice(NUMBERS)], ["LRANGE", k, "0", "-1"], ["LINDEX", k, n],
        ["LINSERT", k, rng.choice(["BEFORE", "after", "AFTER", "near"]), rng.choice(ELEMENTS), v], ["LSET", k, n, v],
        ["LREM", k, n, v], ["LTRIM", k, n, rng.choice(NUMBERS)], ["LTRIM", k, "1", "-2"], ["TYPE", k],
        ["OBJECT", "ENCODING", k], ["COPY", k, rng.choice(KEYS), "REPLACE"], ["RENAME", k, rng.choice(KEYS)],
        ["DEL", k], ["EXISTS", k], ["SET", "text", "v"], ["EXPIRE", k, "1000"], ["GET", k], ["LPUSH"], ["LLEN", k, "x"],
        ["DBSIZE"],
    ])


MAKERS = [make_push] * 6 + [make_pop] * 2 + [make_pop_many, make_position, make_position, make_move, make_move] + \
    [make_plain] * 7


def steps_of(rng, count):
    for _ in range(count):
        if rng.random() < .002:
            yield ["FLUSHALL"]
        yield rng.choice(MAKERS)(rng)


def waiting_steps(rng, count):
    """Commands that would wait, inside of MULTI, where they must not."""
    for _ in range(count):
        a, b = rng.choice(KEYS), rng.choice(KEYS + ["text"])
        yield ["MULTI"]
        yield rng.choice([["BLPOP", a, b, rng.choice(TIMEOUTS)], ["BRPOP", b, a, rng.choice(TIMEOUTS)],
                          ["BLMOVE", a, b, rng.choice(ENDS), rng.choice(ENDS), rng.choice(TIMEOUTS)],
                          ["BRPOPLPUSH", a, b, rng.choice(TIMEOUTS)], ["B" + w for w in ["LMPOP"]] +
                          [rng.choice(TIMEOUTS)] + make_pop_many(rng)[1:]])
        yield ["EXEC"]
        yield make_push(rng)


def fill(client):
    client.call("RPUSH", "small", *ELEMENTS)
    client.call("RPUSH", "one", "1")
    client.call("RPUSH", "wide", "x" * 20000, "y" * 70000, "z")
    for at in range(0, 5000, 100):
        client.call("RPUSH", "long", *["element:%d" % i for i in range(at, at + 100)])
        client.call("LPUSH", "numbers", *[str(i * i * 31 - 1000) for i in range(at, at + 100)])
    client.call("RPUSH", "timed", "x")
    client.call("EXPIRE", "timed", "100000")


@limit(120)
def test_replies_events_and_data_are_those_of_redis(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 6000)


@limit(120)
def test_blocks_of_every_size_hold_the_same(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 2000, settings=[("list-max-listpack-size", "3")])


@limit(60)
def test_commands_that_wait_do_not_in_a_transaction(t):
    t.needs_holdfast()
    replies_are_equal(t, waiting_steps, 500)


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    followers_agree(t, steps_of, 6000)


@limit(60)
def test_dump_of_one_is_restored_by_the_other(t):
    t.needs_holdfast()
    dumps_are_restored(t, ["small", "one", "wide", "long", "numbers"], fill)


@limit(60)
def test_files_go_round(t):
    t.needs_holdfast()
    files_go_round(t, fill)


def waited(t, product):
    """Who waits for what, what is pushed, and what everybody gets: as text, for comparison."""
    node = t.node(product=product).start()
    got = []

    def wait(steps, *waiters):
        clients = [node.client() for _ in waiters]
        for number, (client, words) in enumerate(zip(clients, waiters)):
            client.send(*words)
            if steps:
                until(lambda: node.info("clients")["blocked_clients"] == str(number + 1), what="a client that waits")
        with node.client() as c:
            got.append([c.ask(*step) for step in steps])
        got.append([client.read_reply() for client in clients])
        for client in clients:
            client.close()
        with node.client() as c:
            got.append([(key, c.ask("LRANGE", key, "0", "-1")) for key in ("a", "b", "c")])
            c.call("FLUSHALL")

    wait([["RPUSH", "a", "1", "2", "3"]], ["BLPOP", "a", "0"], ["BRPOP", "b", "a", "0"])
    wait([["LPUSH", "b", "1"], ["LPUSH", "b", "2"]], ["BLPOP", "b", "0"], ["BLPOP", "b", "0"])
    wait([["LPUSH", "a", "1", "2"]], ["BLMOVE", "a", "b", "LEFT", "RIGHT", "0"], ["BRPOP", "b", "0"])
    wait([["LPUSH", "a", "1"]], ["BRPOPLPUSH", "a", "b", "0"], ["BRPOPLPUSH", "b", "c", "0"])
    wait([["RPUSH", "b", "1", "2", "3"]], ["BLMPOP", "0", "2", "a", "b", "LEFT", "COUNT", "2"])
    wait([["SET", "b", "text"], ["RPUSH", "a", "1"]], ["BLMOVE", "a", "b", "LEFT", "LEFT", "0"])
    wait([["RPUSH", "c", "1"], ["RENAME", "c", "a"]], ["BLPOP", "a", "0"])
    wait([["SET", "a", "x"], ["DEL", "a"], ["RPUSH", "a", "1"]], ["BLPOP", "a", "0"])
    wait([["MULTI"], ["RPUSH", "a", "1"], ["DEL", "a"], ["RPUSH", "b", "2"], ["EXEC"]], ["BLPOP", "a", "b", "0"])
    # Keys are served in the order in which they became ready, not in that of the arguments.
    both = [["MULTI"], ["RPUSH", "b", "1", "2"], ["RPUSH", "a", "3"], ["EXEC"]]
    wait(both, ["BLPOP", "a", "b", "0"])
    wait(both, ["BLPOP", "a", "b", "0"], ["BRPOP", "b", "a", "0"], ["BLMPOP", "0", "2", "a", "b", "LEFT"])
    wait(both, ["BLMOVE", "a", "c", "LEFT", "LEFT", "0"], ["BLPOP", "a", "b", "0"], ["BRPOPLPUSH", "b", "c", "0"])
    # A key that comes to be with another type is not what they wait for.
    wait([["SET", "a", "x"], ["RPUSH", "b", "1"], ["DEL", "a"]], ["BLPOP", "a", "b", "0"])
    wait([["ZADD", "a", "1", "x"], ["RPUSH", "b", "1"], ["DEL", "a"]], ["BLMPOP", "0", "2", "a", "b", "RIGHT"])
    wait([["ZADD", "a", "1", "x"], ["DEL", "a"], ["RPUSH", "a", "1"]], ["BLMOVE", "a", "b", "LEFT", "LEFT", "0"])
    wait([["ZADD", "a", "1", "x"], ["RPUSH", "b", "1"], ["ZREM", "a", "x"]], ["BLPOP", "a", "0.4"], ["BLPOP", "b", "0"])
    wait([], ["BLPOP", "a", "0.05"])
    wait([], ["BLMOVE", "a", "b", "LEFT", "LEFT", "0.05"])
    wait([], ["BLMPOP", "0.05", "1", "a", "LEFT"])
    return got


@limit(60)
def test_who_waits_gets_what_redis_gives(t):
    t.needs_holdfast()
    for mine, peer in zip(waited(t, "holdfast"), waited(t, "redis")):
        assert mine == peer, "holdfast %s\nredis    %s" % (mine, peer)


def test_arguments_are_refused_alike(t):
    t.needs_holdfast()
    compare(t.node().start(), t.node(product="redis").start(), [
        "RPUSH q a b c", "LPOP q -1", "LPOP q x", "LPOP q 0", "LPOP no 0", "LPOP no", "LPOP q 1 2", "LPOS q a RANK 0",
        "LPOS q a COUNT -1", "LPOS q a MAXLEN -1", "LPOS q a RANK", "LPOS no a COUNT 1", "LSET q 99 x", "LSET no 0 x",
        "LINSERT no foo a b", "LMOVE q q x y", "LMPOP 0 q LEFT", "LMPOP 2 q LEFT", "LMPOP 1 q LEFT COUNT 1 COUNT 2",
        "BLMPOP x 1 q LEFT", "BLMPOP -1 1 q LEFT", "BLPOP q x", "BLPOP q inf", "BLMOVE q q LEFT x 0",
        "BLMOVE q q LEFT LEFT x", "LMPOP 9999999999 q LEFT", "LMPOP 1 q LEFT COUNT 99999999999",
        "COMMAND GETKEYS LMPOP 2 a b LEFT", "COMMAND GETKEYS BLMPOP 0 2 a b LEFT", "COMMAND GETKEYS BLPOP a b 0",
        "COMMAND GETKEYS LMOVE a b LEFT LEFT",
    ])
