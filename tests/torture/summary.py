"""Sums up reports of scripts/torture as a table: `summary.py REPORT...`."""

import json
import sys
from collections import Counter, defaultdict

TABLE = ["engine", "date", "rounds", "kills", "brokers killed", "frozen", "joins and leaves", "network", "ends cut",
         "records judged", "in flight when all died", "found"]

rows = defaultdict(Counter)
for path in sys.argv[1:]:
    for line in open(path):
        report = json.loads(line)
        kind = report["engine"] + (", soak" if report.get("soak") else "")
        row = rows[kind, report["environment"]["date"][:10]]
        faults = Counter(report["faults"])
        row["rounds"] += 1
        row["kills"] += sum(report["kills"].values())
        row["brokers killed"] += faults["broker"]
        row["frozen"] += faults["freeze"]
        row["joins and leaves"] += faults["join or leave"]
        row["network"] += faults["network"]
        row["ends cut"] += report["ends_of_transactions_cut"]
        for when in ("halted", "end"):
            row["records judged"] += sum(n for topic, n in report[when]["counted"].items() if topic != "in flight")
        row["in flight when all died"] += report["halted"]["counted"]["in flight"]
        row["found"] += len(report["troubles"])

print("| " + " | ".join(TABLE) + " |")
print("|" + "---|" * len(TABLE))
for (engine, date), row in sorted(rows.items()):
    print("| " + " | ".join([engine, date] + [f"{row[name]:,}" for name in TABLE[2:]]) + " |")
