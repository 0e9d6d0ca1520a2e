"""kafka-python, from its oldest to its newest: produce, a group of two, offsets committed, administration."""

import sys
import threading
import time
import uuid

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

COUNT = 500
brokers = sys.argv[1]
run = uuid.uuid4().hex[:8]


def check(holds, otherwise):
    if not holds:
        sys.exit(f"plain.py (kafka-python {kafka.__version__}): {otherwise}")


def consumer(topic, group):
    settings = dict(bootstrap_servers=brokers, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False)
    return KafkaConsumer(topic, consumer_timeout_ms=20_000, **settings)


topic, group = f"python-{run}", f"python-{run}"
admin = KafkaAdminClient(bootstrap_servers=brokers)
admin.create_topics([NewTopic(topic, 4, 1)])
check(topic in admin.list_topics(), "the topic that was made is not listed")

producer = KafkaProducer(bootstrap_servers=brokers, acks="all", compression_type="gzip", retries=3)
for number in range(COUNT):
    producer.send(topic, key=b"key-%d" % (number % 20), value=b"%d" % number, headers=[("number", b"%d" % number)])
producer.flush()

first = consumer(topic, group)
found = []
for record in first:
    check(record.headers == [("number", record.value)], f"headers {record.headers}")
    found.append(int(record.value))
    if len(found) == COUNT:
        break
check(sorted(found) == list(range(COUNT)), f"{COUNT} records written, {len(found)} read")
first.commit()

first.close()

# Each in a thread of its own: a poll waits until the group has settled. Five seconds, because 3.0.12 loses the
# assignment of a rejoin that ends after the poll it began in (seen with Apache Kafka as well, 3 times in 40), and
# a member hears of a rebalance with its next heartbeat, after at most three.
shares, enough = {}, threading.Event()


def member(name):
    consumer_of_it = consumer(topic, group)
    while not enough.is_set():
        for records in consumer_of_it.poll(timeout_ms=5_000).values():
            shares["what was committed is read again"] = len(records)
        shares[name] = len(consumer_of_it.assignment())
    consumer_of_it.close()


members = [threading.Thread(target=member, args=(name,)) for name in ("one", "two")]
for thread in members:
    thread.start()
until = time.time() + 60
while shares != {"one": 2, "two": 2} and time.time() < until:
    time.sleep(0.05)
enough.set()
for thread in members:
    thread.join()
check(shares == {"one": 2, "two": 2}, f"two members of a group share: {shares}")

third = consumer(topic, group)
partitions = [TopicPartition(topic, number) for number in range(4)]
check(sum(third.committed(partition) for partition in partitions) == COUNT, "the committed offsets")
check(sum(third.end_offsets(partitions).values()) == COUNT, "the end offsets")
third.close()
admin.delete_topics([topic])
