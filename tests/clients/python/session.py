"""A cluster session over every type with redis-py, as an application has it: `session.py PORT PASSWORD`."""

import sys
import threading
import time

from redis import exceptions
from redis.cluster import RedisCluster

checked = 0


def check(what, got, wanted):
    """Ends the program when a reply is not the one that the documentation of the command gives."""
    global checked
    checked += 1
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def refused(what, error, call):
    """Ends the program when a call is not refused with this error."""
    try:
        got = call()
    except exceptions.ResponseError as refusal:
        check(what, error in str(refusal), True)
    else:
        sys.exit(f"{what}: got {got!r}, wanted an error with {error!r}")


def strings(r):
    check("SET", r.set("py:s", "10"), True)
    check("INCRBY", r.incrby("py:s", 32), 42)
    check("SET NX", r.set("py:s", "x", nx=True), None)
    check("GETEX", r.getex("py:s", ex=100), "42")
    check("TTL", 0 < r.ttl("py:s") <= 100, True)
    for i in range(100):
        r.set(f"py:many:{i}", i)
    found = r.mget_nonatomic([f"py:many:{i}" for i in range(100)])
    check("MGET over all shards", found, [str(i) for i in range(100)])
    check("DEL over all shards", r.delete(*(f"py:many:{i}" for i in range(100))), 100)
    refused("INCR of text", "not an integer", lambda: r.set("py:t", "x") and r.incr("py:t"))


def bits(r):
    check("SETBIT", r.setbit("py:bits", 7, 1), 0)
    check("BITCOUNT", r.bitcount("py:bits"), 1)
    check("BITPOS", r.bitpos("py:bits", 1), 7)
    field = r.bitfield("py:field").set("u8", 0, 255).incrby("u8", 0, 10, overflow="SAT").execute()
    check("BITFIELD", field, [0, 255])
    check("PFADD", r.pfadd("py:hll", *range(1000)), 1)
    check("PFCOUNT", 960 <= r.pfcount("py:hll") <= 1040, True)


def hashes(r):
    check("HSET", r.hset("py:h", mapping={"name": "ada", "born": 1815}), 2)
    check("HGETALL", r.hgetall("py:h"), {"name": "ada", "born": "1815"})
    check("HINCRBY", r.hincrby("py:h", "born", 1), 1816)
    check("HINCRBYFLOAT", r.hincrbyfloat("py:h", "height", 1.65), 1.65)
    fields = {f"field:{i}": f"value:{i}" for i in range(5000)}
    check("HSET of many", r.hset("py:big", mapping=fields), 5000)
    check("HSCAN", dict(r.hscan_iter("py:big", count=500)), fields)
    check("OBJECT ENCODING", r.object("encoding", "py:big"), "hashtable")


def lists(r):
    check("RPUSH", r.rpush("py:l", "a", "b", "c"), 3)
    check("LPUSH", r.lpush("py:l", "z"), 4)
    check("LRANGE", r.lrange("py:l", 0, -1), ["z", "a", "b", "c"])
    check("LPOS", r.lpos("py:l", "b"), 2)
    check("LINSERT", r.linsert("py:l", "BEFORE", "b", "ab"), 5)
    check("LPOP COUNT", r.lpop("py:l", 2), ["z", "a"])
    check("RPUSH", r.rpush("{py:list}:from", 1, 2), 2)
    check("LMOVE", r.lmove("{py:list}:from", "{py:list}:to", "LEFT", "RIGHT"), "1")


def sets(r):
    check("SADD", r.sadd("{py:set}:1", 1, 2, 3), 3)
    check("SADD", r.sadd("{py:set}:2", 2, 3, 4), 3)
    check("SINTER", r.sinter("{py:set}:1", "{py:set}:2"), {"2", "3"})
    check("SUNIONSTORE", r.sunionstore("{py:set}:3", "{py:set}:1", "{py:set}:2"), 4)
    check("SMISMEMBER", r.smismember("{py:set}:3", 1, 9), [1, 0])
    check("SSCAN", set(r.sscan_iter("{py:set}:3")), {"1", "2", "3", "4"})
    check("SPOP", len(r.spop("{py:set}:3", 4)), 4)
    check("EXISTS", r.exists("{py:set}:3"), 0)


def sorted_sets(r):
    check("ZADD", r.zadd("py:z", {"a": 1, "b": 2.5, "c": 3}), 3)
    check("ZADD GT CH", r.zadd("py:z", {"a": 0, "c": 7}, gt=True, ch=True), 1)
    scores = r.zrange("py:z", 0, -1, withscores=True)
    check("ZRANGE", [tuple(pair) for pair in scores], [("a", 1.0), ("b", 2.5), ("c", 7.0)])
    check("ZRANK", r.zrank("py:z", "c"), 2)
    check("ZRANGEBYSCORE", r.zrangebyscore("py:z", "(1", "+inf"), ["b", "c"])
    check("ZPOPMIN", [tuple(pair) for pair in r.zpopmin("py:z", 1)], [("a", 1.0)])
    check("GEOADD", r.geoadd("py:geo", [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"]), 2)
    check("GEODIST", r.geodist("py:geo", "Palermo", "Catania", unit="km"), 166.2742)
    near = r.geosearch("py:geo", longitude=15, latitude=37, radius=100, unit="km")
    check("GEOSEARCH", near, ["Catania"])


def streams(r):
    first = r.xadd("py:x", {"n": 1}, id="1-1")
    check("XADD", first, "1-1")
    check("XADD", r.xadd("py:x", {"n": 2}, id="1-*"), "1-2")
    check("XRANGE", [tuple(entry) for entry in r.xrange("py:x")], [("1-1", {"n": "1"}), ("1-2", {"n": "2"})])
    check("XGROUP CREATE", r.xgroup_create("py:x", "workers", id="0"), True)
    read = r.xreadgroup("workers", "w1", {"py:x": ">"}, count=1)
    read = dict(read)["py:x"]
    check("XREADGROUP", "1-1" in str(read) and "1-2" not in str(read), True)
    check("XPENDING", r.xpending("py:x", "workers")["pending"], 1)
    check("XACK", r.xack("py:x", "workers", "1-1"), 1)
    check("XINFO GROUPS", r.xinfo_groups("py:x")[0]["lag"], 1)


def blocking(r):
    def later():
        time.sleep(0.2)
        r.rpush("py:queue", "job")
        r.zadd("py:ranks", {"first": 1})

    pusher = threading.Thread(target=later)
    pusher.start()
    check("BLPOP", tuple(r.blpop("py:queue", timeout=20)), ("py:queue", "job"))
    check("BZPOPMIN", tuple(r.bzpopmin("py:ranks", timeout=20)), ("py:ranks", "first", 1.0))
    pusher.join()
    check("BLPOP that times out", r.blpop("py:queue", timeout=0.05), None)


def transactions(r):
    pipeline = r.pipeline()
    for i in range(50):
        pipeline.hset(f"py:p:{i}", "i", i).hget(f"py:p:{i}", "i")
    check("pipeline over all shards", pipeline.execute()[1::2], [str(i) for i in range(50)])
    with r.pipeline(transaction=True) as transaction:
        transaction.watch("{py:tx}:a")
        transaction.multi()
        transaction.incr("{py:tx}:a")
        transaction.rpush("{py:tx}:b", "x")
        check("MULTI and EXEC", transaction.execute(), [1, 1])
    refused("WRONGTYPE", "WRONGTYPE", lambda: r.lpush("{py:tx}:a", "x"))


def main():
    port, password = int(sys.argv[1]), sys.argv[2]
    for protocol in (2, 3):
        r = RedisCluster(
            host="127.0.0.1", port=port, password=password, protocol=protocol, decode_responses=True, socket_timeout=30
        )
        r.flushall(target_nodes=RedisCluster.PRIMARIES)
        for part in (strings, bits, hashes, lists, sets, sorted_sets, streams, blocking, transactions):
            part(r)
        r.close()
    print(f"{checked} replies were as they must be")


main()
