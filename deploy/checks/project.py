"""Compares what is here with the project's sources.

  project.py PROJECT COMPOSE MANIFESTS CONTAINERFILE

Each variable that a container of ours is given must be one that the programs read, each program one that the
image has, and what the image is built of must be there.
"""

import re
import sys
from pathlib import Path

import yaml

# Read without clap: the token (cli/admin.rs) and how much is logged (cli.rs).
OTHERS = {"STAGE_ADMIN_TOKEN", "STAGE_LOG"}


def containers(compose, manifests):
    """Name, variables, command of each that runs our image."""
    for name, service in yaml.safe_load(compose.read_text())["services"].items():
        if service["image"].startswith("pizza:"):
            yield f"{compose.name}: {name}", set(service.get("environment", ())), service["command"]
    found = [item for item in yaml.safe_load_all(manifests.read_text()) if item]
    maps = {item["metadata"]["name"]: set(item["data"]) for item in found if item["kind"] == "ConfigMap"}
    for item in found:
        if item["kind"] in ("Deployment", "Job"):
            for container in item["spec"]["template"]["spec"]["containers"]:
                variables = {variable["name"] for variable in container.get("env", ())}
                for source in container.get("envFrom", ()):
                    variables |= maps[source["configMapRef"]["name"]]
                yield f"kubernetes: {item['metadata']['name']}", variables, container["command"]


def main():
    project, compose, manifests, containerfile = map(Path, sys.argv[1:])
    problems = []
    sources = [path for part in ("src", "stage-sdk/src", "pizza-api/src") for path in (project / part).rglob("*.rs")]
    known = OTHERS | {name for path in sources for name in re.findall(r'env = "(\w+)"', path.read_text())}
    build, runtime = containerfile.read_text().split("\nFROM debian")
    programs = set(re.search(r"install -D -t /out (.*)", build)[1].split())
    given = {"image": set(re.findall(r"\b([A-Z]+_[A-Z_]+)=", runtime))}
    count = 0
    for place, variables, command in containers(compose, manifests):
        count += 1
        given[place] = variables
        if command[0] not in programs:
            problems.append(f"{place}: {command[0]} is no program of the image: {', '.join(sorted(programs))}")
    for place, variables in given.items():
        problems += [f"{place}: no program reads {name}" for name in sorted(variables - known)]
    copied = [path for line in re.findall(r"^COPY (.*) \S+$", build, re.M) for path in line.split()]
    problems += [f"{containerfile.name}: {path} is not there" for path in copied if not (project / path).exists()]
    sent = set(re.findall(r"^!(\S+)$", Path(f"{containerfile}.dockerignore").read_text(), re.M))
    problems += [f"{containerfile.name}.dockerignore: keeps {path} back" for path in copied if path not in sent]
    members = re.search(r"members = \[(.*?)\]", (project / "Cargo.toml").read_text(), re.S)[1]
    for member in re.findall(r'"([^"]+)"', members):
        if member != "." and not any(member == path or member.startswith(path + "/") for path in copied):
            problems.append(f"{containerfile.name}: does not copy {member}, a member of the workspace")
    if count == 0 or len(known) < 10 or not copied:
        problems.append("nothing was found to compare: has its form changed?")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{count} containers, {len(known)} variables, {len(copied)} paths copied", file=sys.stderr)
    sys.exit(bool(problems))


main()
