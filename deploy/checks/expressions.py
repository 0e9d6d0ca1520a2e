"""Looks at the PromQL of the dashboard and of the alerts.

  expressions.py DASHBOARD ALERTS METRICS...

Each expression must parse, and name only metrics and labels that METRICS have, which are real answers of
/metrics. Prints the dashboard's expressions as recording rules, for promtool to parse as well.
"""

import json
import re
import sys

import promql_parser
import yaml

# What Prometheus adds by itself.
ADDED = {"up": {"job", "instance"}}
TARGET = {"job", "instance"}
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m", "$stage": "sauce"}
CHILDREN = ("expr", "lhs", "rhs", "vector_selector", "args", "param")


def metrics_of(paths):
    """Each metric's labels."""
    found = {name: set(labels) for name, labels in ADDED.items()}
    for path in paths:
        for line in open(path, encoding="utf-8"):
            if line.strip() and not line.startswith("#"):
                name, labels = re.match(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})? ", line).groups()
                found.setdefault(name, set(TARGET)).update(re.findall(r'([A-Za-z_]\w*)="', labels or ""))
    return found


def nodes(expression):
    yield expression
    for child in CHILDREN:
        below = getattr(expression, child, None)
        for one in below if isinstance(below, list) else [below]:
            if type(one).__module__.startswith("promql_parser"):
                yield from nodes(one)


def problems(text, metrics):
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    if "$" in text:
        yield "has a variable that is not known here"
        return
    try:
        expression = promql_parser.parse(text)
    except ValueError as error:
        yield f"does not parse: {error}"
        return
    labels = set()
    for node in nodes(expression):
        if isinstance(node, promql_parser.VectorSelector):
            known = metrics.get(node.name)
            if known is None:
                yield f"there is no metric {node.name}"
                continue
            labels |= known
            for matcher in node.matchers.matchers:
                if matcher.name not in known:
                    yield f"{node.name} has no label {matcher.name}"
    for grouping in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", text):
        for label in filter(None, map(str.strip, grouping.split(","))):
            if label not in labels:
                yield f"nothing in it has a label {label}"


def of_dashboard(path):
    dashboard = json.load(open(path, encoding="utf-8"))
    places = set()
    for panel in dashboard["panels"]:
        title = panel["title"]
        if panel["id"] in places:
            yield title, None, "its id is another's too"
        places.add(panel["id"])
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            yield title, None, "has no description"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield title, None, "has no unit"
        for target in panel["targets"]:
            yield title, target["expr"], None
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
            yield f"variable {variable['name']}", f"count by ({label}) ({metric})", None


def of_alerts(path):
    for group in yaml.safe_load(open(path, encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"], None


def main():
    dashboard, alerts, *answers = sys.argv[1:]
    metrics = metrics_of(answers)
    failed, rules, used = False, [], 0
    for where, expressions in ((dashboard, of_dashboard(dashboard)), (alerts, of_alerts(alerts))):
        for title, expression, wrong in expressions:
            used += expression is not None
            found = [wrong] if wrong else list(problems(expression, metrics))
            for text in found:
                failed = True
                print(f"{where}: {title}: {text}", file=sys.stderr)
            if where == dashboard and expression:
                for variable, value in VARIABLES.items():
                    expression = expression.replace(variable, value)
                rules.append({"record": f"panel:{len(rules)}", "expr": expression})
    yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
    print(f"{used} expressions, {len(metrics) - len(ADDED)} metrics", file=sys.stderr)
    sys.exit(failed)


main()
