#!/usr/bin/env python3
"""Judges what the chains left: `judge.py HISTORY [--halted]`.

It knows Kafka's records, the route of each chain (chains.json) and what the sources were told was taken
(acknowledged.json), and nothing of the library under test. It prints what is wrong, one line each, and then
one line of JSON with what it counted. Exit code 0: nothing is wrong, 1: something is.

--halted: all stages were killed in the middle of their work. Then what is committed has to agree with what
is written: whoever reads any topic from the committed offsets on gets the same in the end.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SHOWN = 5  # of each kind


class Judge:
    def __init__(self, history, halted):
        self.history, self.halted = Path(history), halted
        self.offsets = json.loads((self.history / "offsets.json").read_text())
        self.wrong = Counter()
        self.counted = Counter()

    def say(self, kind, text):
        self.wrong[kind] += 1
        if self.wrong[kind] <= SHOWN:
            print(f"{kind}: {text}")

    def topic(self, name):
        with (self.history / f"{name}.jsonl").open() as lines:
            records = [json.loads(line) for line in lines]
        self.counted[name] = len(records)
        return records

    # --- What a record is -----------------------------------------------------------------------------

    @staticmethod
    def identity(chain, record):
        """The name of a record, its key, and its number within the key."""
        if chain["name"] == "hard":
            task = json.loads(record["value"])
            return task["id"], task["key"], task["seq"]
        key = record["key"]
        number = int(record["headers"]["pizza-seq"])
        return f"{key}-{number}", key, number

    def names(self, chain, records):
        return Counter(self.identity(chain, record)[0] for record in records)

    def once(self, what, names):
        for name, count in names.items():
            if count > 1:
                self.say("twice", f"{what}: {name} is there {count} times")

    def in_order(self, chain, topic, records):
        last = {}
        for record in records:
            name, key, number = self.identity(chain, record)
            before = last.get(key, (-1, None))
            place = (record["partition"], record["offset"])
            if before[0] >= number:
                self.say("order", f"{topic}: {name} at {place} comes after number {before[0]} at {before[1]}")
            if before[1] and before[1][0] != place[0]:
                self.say("order", f"{topic}: key {key} is in two partitions, {before[1]} and {place}")
            last[key] = (number, place)

    # --- What is committed ----------------------------------------------------------------------------

    def position(self, committed):
        """The offset below which all is finished, those above that are not, and where that ends."""
        offset, text = committed["offset"], committed["metadata"] or ""
        if not text.startswith("1:"):
            return offset, set(), offset
        numbers, number, shift = [], 0, 0
        for digit in text.split(":")[2]:
            value = DIGITS.index(digit)
            number |= (value & 31) << shift
            shift += 5
            if value < 32:
                numbers.append(number)
                number, shift = 0, 0
        if not numbers or numbers[0] == 0:
            return offset, set(), offset
        unfinished, last = {offset}, offset
        for gap in numbers[1:]:
            last += gap + 1
            unfinished.add(last)
        return offset, unfinished, offset + numbers[0]

    def finished(self, chain, stage, records):
        positions = {c["partition"]: self.position(c) for c in self.offsets[stage["group"]]}
        done = set()
        for record in records:
            offset = record["offset"]
            low, unfinished, upto = positions.get(record["partition"], (0, set(), 0))
            if offset < low or (offset < upto and offset not in unfinished):
                done.add(self.identity(chain, record)[0])
        return done

    # --- Stage by stage -------------------------------------------------------------------------------

    def rejected_by(self, stage, record):
        return json.loads(record["value"]).get("rejects") == stage["name"]

    def stage(self, chain, stage, given):
        hard = chain["name"] == "hard"
        output, dead = self.topic(stage["output"]), self.topic(f"{stage['input']}.{stage['name']}.dlq")
        self.in_order(chain, stage["output"], output)
        there, died = self.names(chain, output), self.names(chain, dead)
        self.once(stage["output"], there)
        self.once(f"dead letters of {stage['name']}", died)
        for name in there.keys() & died.keys():
            self.say("twice", f"{stage['name']}: {name} is an output and a dead letter")
        told = {self.identity(chain, r)[0]: hard and self.rejected_by(stage, r) for r in given}
        for name in there.keys() - told.keys():
            self.say("invented", f"{stage['output']}: nobody wrote {name} to {stage['input']}")
        for name in died.keys() | there.keys():
            if name in told and told[name] != (name in died):
                self.say("wrong way", f"{stage['name']}: {name} is {'a dead letter' if name in died else 'an output'}")
        for letter in dead:
            why = letter["headers"].get("__stage.errors.disposition")
            if why != "rejected":
                self.say("wrong reason", f"{stage['name']}: {self.identity(chain, letter)[0]} died of {why}")
        parked = self.parked(stage)
        if self.halted:
            done = self.finished(chain, stage, given)
            ended = there.keys() | died.keys()
            place = "{}-{partition}-{offset}"
            waits = {self.identity(chain, r)[0] for r in given if place.format(stage["input"], **r) in parked}
            for name in ended - done:
                self.say("not committed", f"{stage['name']}: {name} came out, and would come again")
            for name in done - ended - waits:
                self.say("lost", f"{stage['name']}: {name} is committed, and nowhere")
            self.counted["in flight"] += len(told) - len(done)
        else:
            for name in told.keys() - there.keys() - died.keys():
                self.say("lost", f"{stage['name']}: {name} is in {stage['input']}, and nowhere behind it")
            for name in parked:
                self.say("parked", f"{stage['name']}: {name} is still parked")
            last = defaultdict(lambda: -1)
            for record in given:
                last[record["partition"]] = max(last[record["partition"]], record["offset"])
            for committed in self.offsets[stage["group"]]:
                offset, unfinished, _ = self.position(committed)
                if unfinished or offset <= last[committed["partition"]]:
                    partition = committed["partition"]
                    self.say("behind", f"{stage['group']}: {stage['input']}-{partition} is committed up to {offset},"
                             f" {len(unfinished)} unfinished; the last record is {last[partition]}")
        if stage["audit"]:
            audit = self.topic(stage["audit"])
            copies = self.names(chain, audit)
            self.in_order(chain, stage["audit"], audit)
            self.once(stage["audit"], copies)
            wanted = {self.identity(chain, r)[0] for r in output if json.loads(r["value"])["audit"]}
            for name in wanted ^ copies.keys():
                self.say("audit", f"{name} is in one of {stage['output']} and {stage['audit']}, and not in the other")
        return output

    def parked(self, stage):
        notes = {}
        for note in self.topic(f"{stage['input']}.{stage['name']}.redirect"):
            notes[note["key"]] = note["value"]
        return [name for name, value in notes.items() if value is not None]

    def chain(self, chain, acknowledged):
        given = self.topic(chain["source"])
        names = self.names(chain, given)
        self.once(chain["source"], names)
        if not self.halted:
            self.taken(chain, names, acknowledged)
        for stage in chain["stages"]:
            given = self.stage(chain, stage, given)
        return given

    def taken(self, chain, names, acknowledged):
        """What was acknowledged is there, and nothing else: the sources had an answer for all they asked."""
        wanted = set()
        for one in acknowledged:
            if chain["name"] == "hard":
                wanted.add(one["id"])
            else:
                wanted.update(f"{json.dumps(one['order'])}-{number}" for number in range(one["count"]))
        for name in wanted - names.keys():
            self.say("lost", f"{chain['source']}: {name} was acknowledged, and is not there")
        for name in names.keys() - wanted:
            self.say("invented", f"{chain['source']}: {name} was never acknowledged")

    def shop(self, orders, acknowledged, pizzas):
        """What the API tells of each order."""
        told = {order["id"]: order for order in orders}
        out = Counter(json.loads(record["key"]) for record in pizzas)
        for one in acknowledged:
            order = told.get(one["order"])
            if order is None:
                self.say("lost", f"the API does not know order {one['order']}")
                continue
            count = one["count"]
            if not order["complete"] or len(order["pizzas"]) != count or out[one["order"]] != count:
                self.say("order", f"the API tells {len(order['pizzas'])} pizzas of {count}"
                         f" of order {one['order']}, complete: {order['complete']}")
            for pizza in order["pizzas"]:
                if pizza["order_id"] != one["order"] or not all(pizza[f] for f in ("sauce", "cheese", "meats", "veggies")):
                    self.say("pizza", f"order {one['order']}: {pizza}")


def main():
    history, halted = Path(sys.argv[1]), "--halted" in sys.argv[2:]
    above = history.parent
    judge = Judge(history, halted)
    chains = json.loads((above / "chains.json").read_text())
    acknowledged = {} if halted else json.loads((above / "acknowledged.json").read_text())
    for chain in chains:
        last = judge.chain(chain, acknowledged.get(chain["name"], []))
        if not halted and chain["name"] == "pizza":
            with (above / "orders.jsonl").open() as orders:
                judge.shop(map(json.loads, orders), acknowledged["pizza"], last)
    print(json.dumps({"wrong": judge.wrong, "counted": judge.counted}))
    sys.exit(1 if judge.wrong else 0)


main()
