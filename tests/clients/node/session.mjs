// A cluster session over every type with ioredis, as an application has it: `session.mjs PORT PASSWORD`.

import assert from "node:assert/strict";
import { Cluster } from "ioredis";

let checked = 0;

/** Ends the program when a reply is not the one that the documentation of the command gives. */
function check(what, got, wanted) {
  checked += 1;
  assert.deepEqual(got, wanted, what);
}

/** Ends the program when a call is not refused with this error. */
async function refused(what, error, call) {
  checked += 1;
  await assert.rejects(call, (refusal) => refusal.message.includes(error), what);
}

async function strings(r) {
  check("SET", await r.set("js:s", 10), "OK");
  check("INCRBY", await r.incrby("js:s", 32), 42);
  check("SET NX", await r.set("js:s", "x", "NX"), null);
  const bytes = Buffer.from([0, 255, 10, 13]);
  await r.set("js:binary", bytes);
  check("GET of bytes", await r.getBuffer("js:binary"), bytes);
  check("MSET", await r.mset("{js}:1", "a", "{js}:2", "b"), "OK");
  check("MGET", await r.mget("{js}:1", "{js}:2", "{js}:3"), ["a", "b", null]);
  await r.set("js:text", "x");
  await refused("INCR of text", "not an integer", () => r.incr("js:text"));
}

async function bits(r) {
  check("SETBIT", await r.setbit("js:bits", 7, 1), 0);
  check("BITCOUNT", await r.bitcount("js:bits"), 1);
  check("BITFIELD", await r.bitfield("js:field", "SET", "i5", "#1", -3, "GET", "i5", "#1"), [0, -3]);
  check("PFADD", await r.pfadd("js:hll", "a", "b", "c"), 1);
  check("PFCOUNT", await r.pfcount("js:hll"), 3);
}

async function hashes(r) {
  check("HSET", await r.hset("js:h", { name: "ada", born: 1815 }), 2);
  check("HGETALL", await r.hgetall("js:h"), { name: "ada", born: "1815" });
  check("HINCRBY", await r.hincrby("js:h", "born", 1), 1816);
  const fields = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`field:${i}`, `value:${i}`]));
  check("HSET of many", await r.hset("js:big", fields), 5000);
  check("HGETALL of many", await r.hgetall("js:big"), fields);
  let cursor = "0";
  const found = {};
  do {
    const [next, pairs] = await r.hscan("js:big", cursor, "COUNT", 500);
    for (let i = 0; i < pairs.length; i += 2) found[pairs[i]] = pairs[i + 1];
    cursor = next;
  } while (cursor !== "0");
  check("HSCAN", found, fields);
}

async function lists(r) {
  check("RPUSH", await r.rpush("js:l", "a", "b", "c"), 3);
  check("LINSERT", await r.linsert("js:l", "AFTER", "a", "ab"), 4);
  check("LRANGE", await r.lrange("js:l", 0, -1), ["a", "ab", "b", "c"]);
  check("LREM", await r.lrem("js:l", 0, "b"), 1);
  check("LPOP", await r.lpop("js:l", 2), ["a", "ab"]);
}

async function sets(r) {
  check("SADD", await r.sadd("{js:set}:1", 1, 2, 3), 3);
  check("SADD", await r.sadd("{js:set}:2", 2, 3, 4), 3);
  check("SINTER", (await r.sinter("{js:set}:1", "{js:set}:2")).sort(), ["2", "3"]);
  check("SDIFF", await r.sdiff("{js:set}:1", "{js:set}:2"), ["1"]);
  check("SMISMEMBER", await r.smismember("{js:set}:1", 1, 9), [1, 0]);
  check("SCARD", await r.scard("{js:set}:1"), 3);
}

async function sortedSets(r) {
  check("ZADD", await r.zadd("js:z", 1, "a", 2.5, "b", 3, "c"), 3);
  check("ZRANGE", await r.zrange("js:z", 0, -1, "WITHSCORES"), ["a", "1", "b", "2.5", "c", "3"]);
  check("ZINCRBY", await r.zincrby("js:z", 0.5, "a"), "1.5");
  check("ZRANGEBYLEX", await r.zrangebylex("js:z", "-", "+"), ["a", "b", "c"]);
  check("ZRANGE BYSCORE REV", await r.zrange("js:z", "+inf", "(1.5", "BYSCORE", "REV"), ["c", "b"]);
  check("ZPOPMAX", await r.zpopmax("js:z"), ["c", "3"]);
  check("GEOADD", await r.geoadd("js:geo", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"), 2);
  check("GEODIST", await r.geodist("js:geo", "Palermo", "Catania", "KM"), "166.2742");
  check("GEOHASH", await r.geohash("js:geo", "Palermo"), ["sqc8b49rny0"]);
}

async function streams(r) {
  check("XADD", await r.xadd("js:x", "1-1", "n", 1), "1-1");
  check("XADD", await r.xadd("js:x", "1-2", "n", 2), "1-2");
  check("XRANGE", await r.xrange("js:x", "-", "+"), [["1-1", ["n", "1"]], ["1-2", ["n", "2"]]]);
  check("XGROUP CREATE", await r.xgroup("CREATE", "js:x", "workers", "0"), "OK");
  const read = await r.xreadgroup("GROUP", "workers", "w1", "COUNT", 1, "STREAMS", "js:x", ">");
  check("XREADGROUP", read, [["js:x", [["1-1", ["n", "1"]]]]]);
  check("XPENDING", await r.xpending("js:x", "workers"), [1, "1-1", "1-1", [["w1", "1"]]]);
  check("XACK", await r.xack("js:x", "workers", "1-1"), 1);
  check("XLEN", await r.xlen("js:x"), 2);
}

async function blocking(r, connect) {
  const waiter = connect();
  const job = waiter.blpop("js:queue", 20);
  const entry = connect();
  const entries = entry.xread("BLOCK", 20000, "STREAMS", "js:x", "$");
  await new Promise((resolve) => setTimeout(resolve, 300));
  await r.rpush("js:queue", "job");
  await r.xadd("js:x", "2-1", "n", 3);
  check("BLPOP", await job, ["js:queue", "job"]);
  check("XREAD BLOCK", await entries, [["js:x", [["2-1", ["n", "3"]]]]]);
  check("BLPOP that times out", await waiter.blpop("js:queue", 0.05), null);
  waiter.disconnect();
  entry.disconnect();
}

async function transactions(r) {
  const many = await Promise.all(Array.from({ length: 200 }, (_, i) => r.hset(`js:p:${i}`, "i", i)));
  check("commands at a time over all shards", many, Array(200).fill(1));
  const pipeline = r.pipeline();
  pipeline.set("{js:p}:a", 1).incr("{js:p}:a").get("{js:p}:a");
  check("pipeline", await pipeline.exec(), [[null, "OK"], [null, 2], [null, "2"]]);
  const done = await r.multi().incr("{js:tx}:a").rpush("{js:tx}:b", "x").exec();
  check("MULTI and EXEC", done, [[null, 1], [null, 1]]);
  await refused("WRONGTYPE", "WRONGTYPE", () => r.lpush("{js:tx}:a", "x"));
  await refused("keys of several slots", "CROSSSLOT", () => r.rename("js:a", "js:b"));
}

const [port, password] = process.argv.slice(2);
const connect = () => new Cluster([{ host: "127.0.0.1", port: Number(port) }], { redisOptions: { password } });
const r = connect();
await r.ping();
await Promise.all(r.nodes("master").map((master) => master.flushall()));
for (const part of [strings, bits, hashes, lists, sets, sortedSets, streams, blocking, transactions]) {
  await part(r, connect);
}
r.disconnect();
console.log(`${checked} replies were as they must be`);
