// A cluster session over every type with go-redis, as an application has it: `clients PORT PASSWORD`.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// session counts the replies that it checked.
type session struct {
	context.Context
	*redis.ClusterClient
	checked int
}

func main() {
	log.SetFlags(0)
	for _, protocol := range []int{2, 3} {
		client := redis.NewClusterClient(&redis.ClusterOptions{
			Addrs:    []string{"127.0.0.1:" + os.Args[1]},
			Password: os.Args[2],
			Protocol: protocol,
		})
		s := &session{context.Background(), client, 0}
		flush := func(ctx context.Context, master *redis.Client) error { return master.FlushAll(ctx).Err() }
		s.check("FLUSHALL", client.ForEachMaster(s, flush), nil)
		for _, part := range []func(){s.strings, s.bits, s.hashes, s.lists, s.sets, s.sortedSets, s.streams, s.blocking, s.transactions} {
			part()
		}
		client.Close()
		fmt.Printf("%d replies were as they must be with RESP%d\n", s.checked, protocol)
	}
}

// check ends the program when a reply is not the one that the documentation of the command gives.
func (s *session) check(what string, got, wanted any) {
	s.checked++
	if !reflect.DeepEqual(got, wanted) {
		log.Fatalf("%s: got %#v, wanted %#v", what, got, wanted)
	}
}

// refused ends the program when a call was not refused with this error.
func (s *session) refused(what, text string, err error) {
	s.checked++
	if err == nil || !strings.Contains(err.Error(), text) {
		log.Fatalf("%s: got %v, wanted an error with %q", what, err, text)
	}
}

func (s *session) strings() {
	s.check("SET", s.Set(s, "go:s", 10, 0).Val(), "OK")
	s.check("INCRBY", s.IncrBy(s, "go:s", 32).Val(), int64(42))
	s.check("SET NX", s.SetNX(s, "go:s", "x", 0).Val(), false)
	s.check("APPEND", s.Append(s, "go:s", "0").Val(), int64(3))
	s.check("GETRANGE", s.GetRange(s, "go:s", 1, -1).Val(), "20")
	s.check("GET of no key", s.Get(s, "go:none").Err(), redis.Nil)
	s.refused("INCR of text", "not an integer", s.Do(s, "INCRBY", "go:s", "x").Err())
}

func (s *session) bits() {
	s.check("SETBIT", s.SetBit(s, "go:bits", 7, 1).Val(), int64(0))
	s.check("BITCOUNT", s.BitCount(s, "go:bits", nil).Val(), int64(1))
	s.check("BITPOS", s.BitPos(s, "go:bits", 1).Val(), int64(7))
	s.check("BITFIELD", s.BitField(s, "go:field", "INCRBY", "u2", 100, 1).Val(), []int64{1})
	s.check("PFADD", s.PFAdd(s, "{go:hll}:1", "a", "b").Val(), int64(1))
	s.check("PFADD", s.PFAdd(s, "{go:hll}:2", "b", "c").Val(), int64(1))
	s.check("PFCOUNT", s.PFCount(s, "{go:hll}:1", "{go:hll}:2").Val(), int64(3))
}

func (s *session) hashes() {
	s.check("HSET", s.HSet(s, "go:h", "name", "ada", "born", 1815).Val(), int64(2))
	s.check("HGETALL", s.HGetAll(s, "go:h").Val(), map[string]string{"name": "ada", "born": "1815"})
	s.check("HINCRBYFLOAT", s.HIncrByFloat(s, "go:h", "height", 1.65).Val(), 1.65)
	fields := map[string]string{}
	for i := range 5000 {
		fields[fmt.Sprint("field:", i)] = fmt.Sprint("value:", i)
	}
	s.check("HSET of many", s.HSet(s, "go:big", fields).Val(), int64(5000))
	found := map[string]string{}
	for scan, name := s.HScan(s, "go:big", 0, "", 500).Iterator(), ""; scan.Next(s); {
		if name == "" {
			name = scan.Val()
		} else {
			found[name], name = scan.Val(), ""
		}
	}
	s.check("HSCAN", found, fields)
}

func (s *session) lists() {
	s.check("RPUSH", s.RPush(s, "go:l", "a", "b", "c").Val(), int64(3))
	s.check("LINDEX", s.LIndex(s, "go:l", -1).Val(), "c")
	s.check("LPOS", s.LPos(s, "go:l", "b", redis.LPosArgs{}).Val(), int64(1))
	s.check("LRANGE", s.LRange(s, "go:l", 0, -1).Val(), []string{"a", "b", "c"})
	s.check("LTRIM", s.LTrim(s, "go:l", 1, -1).Val(), "OK")
	s.check("LLEN", s.LLen(s, "go:l").Val(), int64(2))
}

func (s *session) sets() {
	s.check("SADD", s.SAdd(s, "{go:set}:1", 1, 2, 3).Val(), int64(3))
	s.check("SADD", s.SAdd(s, "{go:set}:2", 2, 3, 4).Val(), int64(3))
	s.check("SINTERCARD", s.SInterCard(s, 0, "{go:set}:1", "{go:set}:2").Val(), int64(2))
	s.check("SDIFF", s.SDiff(s, "{go:set}:1", "{go:set}:2").Val(), []string{"1"})
	s.check("SMEMBERS", len(s.SMembers(s, "{go:set}:1").Val()), 3)
	s.check("SISMEMBER", s.SIsMember(s, "{go:set}:1", 9).Val(), false)
}

func (s *session) sortedSets() {
	s.check("ZADD", s.ZAdd(s, "go:z", redis.Z{Score: 1, Member: "a"}, redis.Z{Score: 2.5, Member: "b"}).Val(), int64(2))
	ranked := []redis.Z{{Score: 1, Member: "a"}, {Score: 2.5, Member: "b"}}
	s.check("ZRANGE", s.ZRangeWithScores(s, "go:z", 0, -1).Val(), ranked)
	s.check("ZSCORE", s.ZScore(s, "go:z", "b").Val(), 2.5)
	s.check("ZREVRANK", s.ZRevRank(s, "go:z", "a").Val(), int64(1))
	s.check("ZPOPMAX", s.ZPopMax(s, "go:z").Val(), ranked[1:])
	palermo := &redis.GeoLocation{Name: "Palermo", Longitude: 13.361389, Latitude: 38.115556}
	catania := &redis.GeoLocation{Name: "Catania", Longitude: 15.087269, Latitude: 37.502669}
	s.check("GEOADD", s.GeoAdd(s, "go:geo", palermo, catania).Val(), int64(2))
	s.check("GEODIST", s.GeoDist(s, "go:geo", "Palermo", "Catania", "km").Val(), 166.2742)
	around := &redis.GeoSearchQuery{Longitude: 15, Latitude: 37, Radius: 200, RadiusUnit: "km", Sort: "ASC"}
	s.check("GEOSEARCH", s.GeoSearch(s, "go:geo", around).Val(), []string{"Catania", "Palermo"})
}

func (s *session) streams() {
	s.check("XADD", s.XAdd(s, &redis.XAddArgs{Stream: "go:x", ID: "1-1", Values: []string{"n", "1"}}).Val(), "1-1")
	s.check("XADD", s.XAdd(s, &redis.XAddArgs{Stream: "go:x", ID: "1-2", Values: []string{"n", "2"}}).Val(), "1-2")
	s.check("XLEN", s.XLen(s, "go:x").Val(), int64(2))
	s.check("XGROUP CREATE", s.XGroupCreate(s, "go:x", "workers", "0").Val(), "OK")
	read := s.XReadGroup(s, &redis.XReadGroupArgs{Group: "workers", Consumer: "w1", Streams: []string{"go:x", ">"}}).Val()
	s.check("XREADGROUP", len(read) == 1 && len(read[0].Messages) == 2, true)
	claimed, next, err := s.XAutoClaim(s, &redis.XAutoClaimArgs{Stream: "go:x", Group: "workers", Consumer: "w2", Start: "0"}).Result()
	s.check("XAUTOCLAIM", []any{len(claimed), next, err}, []any{2, "0-0", nil})
	s.check("XACK", s.XAck(s, "go:x", "workers", "1-1", "1-2").Val(), int64(2))
	s.check("XTRIM", s.XTrimMaxLen(s, "go:x", 1).Val(), int64(1))
}

func (s *session) blocking() {
	pushed := make(chan error)
	go func() {
		time.Sleep(200 * time.Millisecond)
		pushed <- s.RPush(s, "go:queue", "job").Err()
		pushed <- s.ZAdd(s, "go:ranks", redis.Z{Score: 1, Member: "first"}).Err()
	}()
	s.check("BLPOP", s.BLPop(s, 20*time.Second, "go:queue").Val(), []string{"go:queue", "job"})
	s.check("RPUSH", <-pushed, nil)
	waiting := make(chan *redis.ZWithKey)
	go func() { waiting <- s.BZPopMin(s, 20*time.Second, "go:ranks").Val() }()
	s.check("ZADD", <-pushed, nil)
	s.check("BZPOPMIN", <-waiting, &redis.ZWithKey{Z: redis.Z{Score: 1, Member: "first"}, Key: "go:ranks"})
}

func (s *session) transactions() {
	pipeline := s.Pipeline()
	for i := range 200 {
		pipeline.Set(s, fmt.Sprint("go:p:", i), i, time.Hour)
	}
	replies, err := pipeline.Exec(s)
	s.check("pipeline over all shards", []any{len(replies), err}, []any{200, nil})
	watched := func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(s, func(queue redis.Pipeliner) error {
			queue.Incr(s, "{go:tx}:a")
			return queue.RPush(s, "{go:tx}:b", "x").Err()
		})
		return err
	}
	s.check("WATCH, MULTI and EXEC", s.Watch(s, watched, "{go:tx}:a"), nil)
	s.check("GET", s.Get(s, "{go:tx}:a").Val(), "1")
	s.refused("WRONGTYPE", "WRONGTYPE", s.LPush(s, "{go:tx}:a", "x").Err())
}
