"""Counts a file in the form of Alibaba's UserBehavior (user, item, category, behaviour, unix seconds) by its own means.

    python3 tests/recount.py FILE [FROM TO]

Prints one figure a line: lines, good and bad ones, events outside the file's own days, and how many users looked at an
item, then added one to the cart, then bought one; the latter for events of FROM <= time < TO in unix seconds, if given.
"""

import gzip
import sys
from collections import defaultdict

NAMES = {"pv": "view_item", "cart": "add_to_cart", "fav": "add_to_wishlist", "buy": "purchase"}
STEPS = ["view_item", "add_to_cart", "purchase"]
# 2017-11-25 to 2017-12-03 in Shanghai.
DAYS = range(1511539200, 1512316800)


def main(path, start=None, end=None):
    lines = good = outside = 0
    names = defaultdict(int)
    journeys = defaultdict(list)
    seen = set()
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        for line in file:
            lines += 1
            line = line.rstrip(b"\r\n").decode("utf-8", "replace")
            fields = line.split(",")
            if len(fields) != 5 or fields[3] not in NAMES or not fields[4].isdigit() or not all(fields[:3]):
                continue
            good += 1
            user, _, _, behaviour, seconds = fields
            seconds = int(seconds)
            outside += seconds not in DAYS
            if line in seen:
                continue
            seen.add(line)
            names[NAMES[behaviour]] += 1
            if (start is None or int(start) <= seconds) and (end is None or seconds < int(end)):
                journeys[user].append((seconds, NAMES[behaviour]))
    reached = dict.fromkeys(STEPS, 0)
    for journey in journeys.values():
        since = 0
        for step in STEPS:
            times = [time for time, name in journey if name == step and time >= since]
            if not times:
                break
            since = min(times)
            reached[step] += 1
    print(f"lines {lines}")
    print(f"good {good}")
    print(f"bad {lines - good}")
    print(f"outside {outside}")
    for step in STEPS:
        print(f"events {step} {names[step]}")
    for step in STEPS:
        print(f"funnel {step} {reached[step]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
