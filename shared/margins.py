"""How far the claims of a lesson are from failing: over its seeds, and as it is kept in data/results/claims.json."""

import collections
import datetime
import json

from . import evidence, settings

NAME = "claims"
RECORDED_FROM = 10          # seeds


def margin(entry):
    """How far a claim's measured value is on the right side of its bound, as a share of the bound; None for exact ones.

    Negative where the claim failed. The distance itself where the bound is 0.
    """
    if entry["op"] == "=" and entry["held"]:
        return None
    if entry["op"] == "=" or entry["measured"] != entry["measured"]:
        return float("-inf")
    gap = entry["measured"] - entry["bound"]
    return (gap if entry["op"] in "≥>" else -gap) / (abs(entry["bound"]) or 1.0)


def tightest(claims):
    """The claim with the smallest margin, and that margin; (None, None) where all are exact or there are none."""
    measured = [(margin(entry), entry) for entry in claims if margin(entry) is not None]
    return min(measured, key=lambda pair: pair[0], default=(None, None))[::-1]


def over_seeds(claims):
    """The claims of one lesson on several seeds → one dictionary for each: in how many of the seeds it held, and its tightest.

    tightest, margin, seed: the measured value with the smallest margin, that margin and its seed; None for an exact claim.
    """
    groups = collections.defaultdict(list)
    for entry in claims:
        groups[entry["name"], entry["op"]].append(entry)
    for (name, op), entries in groups.items():
        held = {entry["seed"] for entry in entries} - {entry["seed"] for entry in entries if not entry["held"]}
        worst, distance = tightest(entries)
        yield {"name": name, "op": op, "bound": entries[0]["bound"], "held": len(held),
               "tightest": worst and worst["measured"], "margin": distance, "seed": worst and worst["seed"]}


def lines(claims, seeds):
    """One line a claim: in how many of the seeds it held, and where it was tightest."""
    for row in over_seeds(claims):
        worst = "exact" if row["seed"] is None else f"{row['tightest']:.4g} ({shown(row['margin'])}, seed {row['seed']})"
        yield f"  {row['held']:>3}/{seeds:<3} {row['name']} {row['op']} {row['bound']:g}: {worst}"


def shown(distance):
    """0.05 → "5 %"."""
    return f"{100 * distance:.3g} %"


def keep(lesson, claims, seeds):
    """Write what `over_seeds` finds into data/results/claims.json; the other lessons' entries stay."""
    path = settings.RESULTS / f"{NAME}.json"
    before = json.loads(path.read_text(encoding="utf-8"))["lessons"] if path.exists() else {}
    entry = {"date": datetime.date.today().isoformat(), "seeds": seeds, "claims": list(over_seeds(claims))}
    everything = before | {lesson: entry}
    evidence.write(NAME, f"make run SEEDS={seeds}", lessons={name: everything[name] for name in sorted(everything)})
