#!/usr/bin/python3
"""The whole benchmark: tables in Markdown on standard output and, for the README,
in build/bench.md; the same as JSON in build/bench.json.

    bench.py FOLDER [PART]...

FOLDER has what was built; the parts are losses, numbers, requests, footprint.
Every result is checked before it is timed.  Numbers in parentheses are what is
to be reached; what is not, stands in bold.
"""
import importlib
import json
import os
import platform
import sys
import time

PARTS = "losses", "numbers", "requests", "footprint"


def machine():
    with open("/proc/cpuinfo") as file:
        facts = dict(line.split(":", 1) for line in file if ":" in line)
    model = next(value.strip() for name, value in facts.items() if name.startswith("model name"))
    return f"{len(os.sched_getaffinity(0))} CPUs, {model}, Linux {platform.release()}"


def say(text, file):
    for out in (sys.stdout, file):
        print(text, file=out, flush=True)


def main(folder, *parts):
    folder = os.path.abspath(folder)
    scratch = os.path.join(folder, "bench")
    os.makedirs(scratch, exist_ok=True)
    tables = []
    with open(os.path.join(folder, "bench.md"), "w") as file:
        say(f"{time.strftime('%Y-%m-%d')}, {machine()}.", file)
        for part in parts or PARTS:
            for table in importlib.import_module("part_" + part).run(folder, scratch):
                tables.append(table)
                say(f"\n{table.markdown()}", file)
        targets = [target for table in tables for target in table.targets()]
        met = sum(target.is_met for target in targets)
        say(f"\n{met} of {len(targets)} targets are met.", file)
    with open(os.path.join(folder, "bench.json"), "w") as file:
        json.dump({"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                   "machine": machine(), "tables": [table.plain() for table in tables]},
                  file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ModuleNotFoundError as error:
        sys.exit(f"{error}; make bench-deps installs what is missing")
