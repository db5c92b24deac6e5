"""A chip in the loop for tests: a divider of two resistors, ``python chip.py FAULT FOLDER``, and what may go wrong.

It imports nothing that takes time, and writes what it is asked into FOLDER/asked.
"""

import json
import os
import subprocess
import sys
import time

fault, folder = (*sys.argv[1:], "", "")[:2]


def say(number, **message):
    print(json.dumps({"id": number, **message}), flush=True)


def once():
    """Whether this is the first process that comes here."""
    try:
        os.close(os.open(os.path.join(folder, "once"), os.O_CREAT | os.O_EXCL))
    except OSError:
        return False
    return True


def outputs(message, values):
    """Node ``b`` of a divider of R1 and R2 behind a source, with what stands at it."""
    r1, r2 = values
    nudge, rows = message.get("nudge", {}), []
    for k, (volts,) in enumerate(message["inputs"]):
        conductance = nudge.get("conductance", [0.0])[0]
        current = nudge["current"][k][0] if "current" in nudge else 0.0
        out = (volts / r1 - current) / (1 / r1 + 1 / r2 + conductance)
        if "clamp" in nudge and nudge["clamp"][k][0] is not None:
            out = nudge["clamp"][k][0]
        known = {"V(out)": 1.1 * out if fault == "gain" else out, "V(in)": volts}
        rows.append([known[name] for name in message.get("read", ["V(out)"])])
    return rows


if fault == "dies at start":
    sys.exit("no bus")
if fault == "hangs at start":
    time.sleep(1000)
if fault == "child":
    subprocess.Popen(["sleep", sys.argv[3]])
values, asked = None, 0
born_again = os.path.exists(os.path.join(folder, "once"))
for line in sys.stdin:
    message = json.loads(line)
    number = message["id"]
    if folder:
        with open(os.path.join(folder, "asked"), "a") as file:
            file.write(line)
    if message["netlearn"] == "hello":
        more: dict = {"nudges": ["current", "conductance", "clamp"]} if fault == "nudged" else {}
        more |= {"nudges": ["current"]} if fault == "currents" else {}
        more |= {"batch": 2} if fault == "batch" else {}
        more |= {"batch": 1} if fault == "dies in part" else {}
        more |= {"batch": 0} if fault == "no batch" else {}
        more |= {"nudges": ["kick"]} if fault == "kick" else {}
        if fault == "prints":
            print("ready, waiting for data", flush=True)
        say(number, version=2 if fault == "version" else 1, name="divider", **more)
        continue
    asked += 1
    values = message.get("values", values)
    found = outputs(message, values)
    dying = fault in ("dies", "dies in part")
    if (dying and born_again) or (asked == 3 and (dying or fault == "dies once") and once()):
        print("Traceback\nRuntimeError: the bus is gone", file=sys.stderr)
        sys.exit(7)
    if asked == 3 and fault == "hangs":
        time.sleep(1000)
    if fault == "late" and asked == 2:
        # The answer to a question that was given up, before the one that is waited for.
        say(number - 1, outputs=[[9.0]] * len(found))
    if fault == "busy" and once():
        say(number, error="busy", again=True)
    elif fault == "broken":
        say(number, error="over range")
    elif fault == "no json" and asked == 3:
        print('{"id": 4, "outputs": [[0.5', flush=True)
    elif fault == "few" and asked == 3:
        say(number, outputs=[*found[:-1], []])
    elif fault == "nan" and asked == 3:
        say(number, outputs=[*found[:-1], [float("nan")]])
    elif fault == "word" and asked == 3:
        say(number, outputs=[*found[:-1], ["0.5"]])
    elif fault == "many":
        say(number, outputs=[*found, [0.0]])
    elif fault == "none":
        say(number, outputs=[])
    elif fault == "part":
        say(number, outputs=found[:1])
    elif fault == "list":
        print("[1, 2]", flush=True)
    else:
        say(number, outputs=found)
