// franz-go: idempotent and transactional producing, a cooperative group, exactly once from one topic
// to another, administration.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 4
	count      = 500
)

var (
	brokers = strings.Split(os.Args[1], ",")
	run     = strconv.FormatInt(time.Now().UnixNano(), 36)
)

func must(err error, what string) {
	if err != nil {
		log.Fatalf("plain.go: %s: %v", what, err)
	}
}

func same(what string, wanted, found any) {
	if fmt.Sprint(wanted) != fmt.Sprint(found) {
		log.Fatalf("plain.go: %s: wanted %v, found %v", what, wanted, found)
	}
}

func open(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(brokers...))...)
	must(err, "a client")
	return client
}

func record(topic string, number int) *kgo.Record {
	key := []byte(strconv.Itoa(number % 20))
	return &kgo.Record{Topic: topic, Key: key, Value: []byte(strconv.Itoa(number))}
}

// What a client reads until it has so many records, in ascending order.
func read(ctx context.Context, client *kgo.Client, wanted int) []int {
	var found []int
	for len(found) < wanted {
		fetches := client.PollFetches(ctx)
		must(fetches.Err0(), fmt.Sprintf("a fetch, after %d of %d records", len(found), wanted))
		fetches.EachRecord(func(record *kgo.Record) {
			number, err := strconv.Atoi(string(record.Value))
			must(err, "a number")
			found = append(found, number)
		})
	}
	sort.Ints(found)
	return found
}

func numbers(from, to int) []int {
	var all []int
	for number := from; number < to; number++ {
		all = append(all, number)
	}
	return all
}

// Idempotent, which is how this client produces; then transactions, committed and aborted.
func produce(ctx context.Context, topic string) {
	plain := open(kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	defer plain.Close()
	for number := range count {
		plain.Produce(ctx, record(topic, number), func(_ *kgo.Record, err error) { must(err, "producing") })
	}
	must(plain.Flush(ctx), "a flush")

	exact := open(kgo.TransactionalID("go-" + run))
	defer exact.Close()
	for part, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		must(exact.BeginTransaction(), "a transaction")
		for number := range 10 {
			exact.Produce(ctx, record(topic, count+part*10+number), func(_ *kgo.Record, err error) { must(err, "producing in a transaction") })
		}
		must(exact.Flush(ctx), "a flush")
		must(exact.EndTransaction(ctx, end), "the end of a transaction")
	}
	committed := append(numbers(0, count+10), numbers(count+20, count+30)...)
	reader := open(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer reader.Close()
	same("read committed", committed, read(ctx, reader, len(committed)))
}

// Two members, the second of which comes later; each keeps what it need not give.
func share(ctx context.Context, topic, group string) {
	member := func(held chan<- int) *kgo.Client {
		now := 0
		change := func(by int) func(context.Context, *kgo.Client, map[string][]int32) {
			return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
				now += by * len(changed[topic])
				held <- now
			}
		}
		return open(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.CooperativeStickyBalancer()),
			kgo.DisableAutoCommit(), kgo.OnPartitionsAssigned(change(1)), kgo.OnPartitionsRevoked(change(-1)), kgo.OnPartitionsLost(change(-1)))
	}
	until := func(held <-chan int, wanted int, who string) {
		for now := -1; now != wanted; {
			select {
			case now = <-held:
			case <-ctx.Done():
				log.Fatalf("plain.go: %s never had %d partitions", who, wanted)
			}
		}
	}
	ones, twos := make(chan int, 100), make(chan int, 100)
	one := member(ones)
	until(ones, partitions, "the first member alone")
	same("read by a group", numbers(0, count), read(ctx, one, count))
	must(one.CommitUncommittedOffsets(ctx), "a commit")
	two := member(twos)
	until(twos, partitions/2, "the second member")
	until(ones, partitions/2, "the first of two")
	one.Close()
	until(twos, partitions, "the member that stayed")
	two.Close()
}

// From one topic to another, offsets in the same transaction; every second time it is given up.
func pass(ctx context.Context, from, to, group string) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(brokers...), kgo.TransactionalID("go-pass-"+run),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(), kgo.Balancers(kgo.CooperativeStickyBalancer()))
	must(err, "a session")
	defer session.Close()
	for passed, round := 0, 0; passed < count; round++ {
		fetches := session.PollRecords(ctx, 100)
		must(fetches.Err0(), "a fetch of the session")
		must(session.Begin(), "a transaction")
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: to, Key: record.Key, Value: record.Value}, func(_ *kgo.Record, err error) {
				if !errors.Is(err, kgo.ErrAborting) { // what is given up need not be sent
					must(err, "passing on")
				}
			})
		})
		committed, err := session.End(ctx, kgo.TransactionEndTry(round%2 == 1))
		must(err, "the session's end")
		same("whether it is committed", round%2 == 1, committed)
		if committed {
			passed += fetches.NumRecords()
		}
	}
	reader := open(kgo.ConsumeTopics(to), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer reader.Close()
	same("passed on exactly once", numbers(0, count), read(ctx, reader, count))
}

func administer(ctx context.Context, admin *kadm.Client, topic, group string) {
	ends, err := admin.ListEndOffsets(ctx, topic)
	must(err, "end offsets")
	lags, err := admin.Lag(ctx, group)
	must(err, "the lag")
	same("the group's lag", 0, lags[group].Lag.Total())
	var all int64
	ends.Each(func(end kadm.ListedOffset) { all += end.Offset })
	same("records in the topic", int64(count), all)
	value := "60000"
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &value}}, topic)
	must(err, "settings")
	for _, one := range altered {
		must(one.Err, "a setting")
	}
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	must(err, "settings")
	configs, err := described.On(topic, nil)
	must(err, "settings of the topic")
	found := ""
	for _, config := range configs.Configs {
		if config.Key == "retention.ms" {
			found = config.MaybeValue()
		}
	}
	same("the setting that was altered", value, found)
	_, err = admin.DescribeTransactions(ctx, "go-pass-"+run)
	must(err, "a transaction described")
	_, err = admin.DeleteGroups(ctx, group)
	must(err, "a group deleted")
	_, err = admin.CreateTopic(ctx, partitions, 1, nil, topic)
	same("a topic made twice", kerr.TopicAlreadyExists, err)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	topics := []string{"go-exact-" + run, "go-" + run, "go-out-" + run}
	admin := kadm.NewClient(open())
	made, err := admin.CreateTopics(ctx, partitions, 1, nil, topics...)
	must(err, "topics")
	must(made.Error(), "topics")

	produce(ctx, topics[0])
	writer := open()
	for number := range count {
		writer.Produce(ctx, record(topics[1], number), func(_ *kgo.Record, err error) { must(err, "producing") })
	}
	must(writer.Flush(ctx), "a flush")
	writer.Close()
	share(ctx, topics[1], "go-share-"+run)
	pass(ctx, topics[1], topics[2], "go-pass-"+run)
	administer(ctx, admin, topics[1], "go-pass-"+run)
	deleted, err := admin.DeleteTopics(ctx, topics...)
	must(err, "topics deleted")
	must(deleted.Error(), "topics deleted")
	admin.Close()
}
