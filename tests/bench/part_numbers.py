"""Numbers from and to text, on one core."""
import os
import subprocess

from report import Table, Target

TARGETS = {"read": 50, "write": 30}  # millions a second


def run(folder, scratch):
    table = Table("Numbers as text", "", "numbers", "dtype", "10⁶ numbers/s", "libstdc++",
                  "skimmed, GB/s",
                  note="One core, every number compared with the C library's or libstdc++'s; "
                       "written as the shortest text that reads back as the same number. "
                       "Skimming finds the arrays in a document.")
    lines = subprocess.run([os.path.join(folder, "tests/bench/numbers")], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    for line in lines[1:]:
        way, numbers, dtype, ours, library, skim = line.split("\t")
        table.add(way, numbers, dtype, Target(float(ours), TARGETS[way], form="%.0f"),
                  float(library), float(skim) if skim else None)
    return [table]
