"""A topping service of the seed documents: kafka-python, one record after the other.

Like there, a poll does not wait, each record is flushed by itself and unacknowledged (acks=0, gzip),
and after every poll that brought something the service sleeps for a second.
"""

import argparse
import json
import signal
import sys
import time

from kafka import KafkaConsumer, KafkaProducer

FIELDS = ["sauce", "cheese", "meats", "veggies"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    for name in ["brokers", "input", "output", "group"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--records", type=int, required=True, help="how many to handle, warm-up included")
    parser.add_argument("--warm-up", type=int, required=True, help="how many of them are not measured")
    parser.add_argument("--delivery", required=True, choices=["exactly-once", "at-least-once"])
    parser.add_argument("--field", required=True, choices=FIELDS)
    parser.add_argument("--value", default="alfredo")
    job = parser.parse_args()
    if job.delivery == "exactly-once":
        parser.error("kafka-python has no transactions: --delivery at-least-once only")
    return job


def encoded(value):
    return json.dumps(value).encode("utf-8")


def decoded(data):
    return json.loads(data) if data else data


class Service:
    def __init__(self, job):
        self.job = job
        self.handled = 0
        self.producer = KafkaProducer(
            bootstrap_servers=[job.brokers],
            acks=0,
            compression_type="gzip",
            key_serializer=encoded,
            value_serializer=encoded,
        )
        # The seed's services commit nothing, and begin anew at every start. Here the harness waits for
        # the commits, so they are kafka-python's own.
        self.consumer = KafkaConsumer(
            job.input,
            bootstrap_servers=[job.brokers],
            group_id=job.group,
            auto_offset_reset="earliest",
            enable_auto_commit=True,
            max_poll_records=500,
            key_deserializer=decoded,
            value_deserializer=decoded,
        )

    def run(self):
        while True:
            batches = self.consumer.poll()
            for records in batches.values():
                for record in records:
                    self.handle(record)
            if batches:
                time.sleep(1)

    def handle(self, record):
        if self.handled == self.job.warm_up:
            tell("first")
        pizza = record.value
        pizza[self.job.field] = self.job.value
        self.producer.send(self.job.output, key=record.key, value=pizza)
        self.producer.flush()
        self.handled += 1
        if self.handled == self.job.records:
            tell("handled")

    def close(self):
        self.consumer.close()
        self.producer.close()


def tell(line):
    print(line, flush=True)


def stop(*_):
    raise KeyboardInterrupt


def main():
    service = Service(arguments())
    signal.signal(signal.SIGTERM, stop)
    try:
        service.run()
    except KeyboardInterrupt:
        # A second signal changes nothing.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        service.close()


if __name__ == "__main__":
    sys.exit(main())
