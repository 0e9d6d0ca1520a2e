"""Puts basil on every pizza: a stage in Python (docs/plug-ins.md)."""

import json
import sys

for line in sys.stdin:
    record = json.loads(line)
    pizza = record["value"]
    pizza["veggies"] = f"{pizza['veggies']} & basil"
    print(json.dumps({"id": record["id"], "value": pizza}), flush=True)
