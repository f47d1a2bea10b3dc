"""The measurements as JSON-ready data, and that as tables.

A cell has the median of the rounds and (least .. greatest). A ratio is a peer's median by edgeload's: above 1, edgeload
is faster. The best peer is the one with the least median. The undisturbed ratio is that of the fastest tenths: of the
10th percentiles of all processes the least, over all peers, by edgeload's. It says what medians say when nothing else
runs on the machine.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeload.runtime.target import host
from scripts.benchmark.rounds import ONLY_AVX2, OWN, Conditions, Measurement

FORMAT = 1
TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))
BYTE_UNITS = ((1e6, "MB"), (1e3, "kB"))
EXPLAINED_CHARACTERS = 300  # of a failure's text, under the tables; JSON has all of it

Report = Mapping[str, Any]


def make_report(measurements: Sequence[Measurement], conditions: Conditions, command: str, date: str) -> dict[str, Any]:
    """What the JSON file holds; times are in seconds, memory in bytes."""
    models = {
        one.title: {
            "inputs": one.inputs,
            "results": {str(threads): results for threads, results in one.results.items()},
            "failures": {contender: list(failure) for contender, failure in one.failures.items()},
            "reference": one.reference,
            "differences": one.differences,
        }
        for one in measurements
    }
    report: dict[str, Any] = {
        "format": FORMAT,
        "command": command,
        "date": date,
        "machine": machine(),
        "contenders": list(conditions.contenders),
        "threads": [str(count) for count in conditions.threads],
        "rounds": conditions.rounds,
        "seconds": conditions.seconds,
        "only_avx2": sorted(set(conditions.contenders) & set(ONLY_AVX2)) if conditions.only_avx2 else [],
        "models": models,
    }
    report["summary"] = {threads: _summary(report, threads) for threads in report["threads"]}
    return report


def machine() -> dict[str, Any]:
    """CPU model and features, CPUs this process may use, system, and how busy it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "features": fields.get("flags") or fields.get("Features") or fields.get("isa") or "",
        "target": host().name,
        "cpus": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "load average": os.getloadavg()[0],
    }


def _summary(report: Report, threads: str) -> dict[str, Any]:
    """For each model the best peer and its ratios; their geometric means; each peer's own mean."""
    best: dict[str, Any] = {}
    by_peer: dict[str, list[float]] = {}
    for title, model in report["models"].items():
        measured = {contender: results for contender, results in model["results"][threads].items() if results}
        peers = set(measured) - OWN
        if "edgeload" not in measured or not peers:
            continue
        medians = {contender: median(results, "call") for contender, results in measured.items()}
        least = {
            contender: min(result["undisturbed call"] for result in results) for contender, results in measured.items()
        }
        peer = min(peers, key=medians.__getitem__)
        best[title] = {
            "peer": peer,
            "ratio": medians[peer] / medians["edgeload"],
            "undisturbed ratio": min(least[name] for name in peers) / least["edgeload"],
        }
        for contender in peers:
            by_peer.setdefault(contender, []).append(medians[contender] / medians["edgeload"])
    return {
        "best": best,
        "geometric mean": geometric_mean([entry["ratio"] for entry in best.values()]),
        "undisturbed geometric mean": geometric_mean([entry["undisturbed ratio"] for entry in best.values()]),
        "geometric means": {contender: geometric_mean(ratios) for contender, ratios in by_peer.items()},
    }


def median(results: Sequence[Mapping[str, Any]], row: str) -> float:
    return statistics.median(result[row] for result in results)


def geometric_mean(ratios: Sequence[float]) -> float | None:
    """None without ratios."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def render(report: Report) -> str:
    """All tables, and what explains them."""
    described = report["machine"]
    lines = [
        report["command"],
        report["date"],
        f"{described['cpu']}, {described['target']}, {described['cpus']} CPUs, {described['system']}, load average "
        f"{described['load average']:.2f}",
        *_versions(report),
        f"{report['rounds']} rounds, a process each, {report['seconds']} s of calls; median (least .. greatest)",
    ]
    if report["only_avx2"]:
        rest = sorted(set(report["contenders"]) - set(report["only_avx2"]))
        lines.append(f"without AVX-512: {', '.join(report['only_avx2'])}; no switch for it: {', '.join(rest)}")
    notes: list[str] = []
    for threads in report["threads"]:
        plural = "" if threads == "1" else "s"
        lines += ["", f"a call, {threads} thread{plural}", *_calls(report, threads, notes)]
    first = report["threads"][0]
    lines += ["", f"process start to first result ({first} thread)", *_table(report, first, "start to first result")]
    lines += ["", f"peak resident memory ({first} thread)", *_table(report, first, "peak memory", BYTE_UNITS)]
    lines += [
        "",
        "largest difference of the outputs, relative to the output's largest magnitude",
        *_differences(report),
    ]
    return "\n".join([*lines, "", *notes] if notes else lines)


def _versions(report: Report) -> list[str]:
    found: dict[str, str] = {}
    for model in report["models"].values():
        for results in model["results"].values():
            for contender, rounds in results.items():
                text = "{version} (Python {python}, NumPy {numpy})".format(**rounds[0])
                found.setdefault(contender, text)
    return [", ".join(f"{contender} {text}" for contender, text in found.items())] if found else []


def _calls(report: Report, threads: str, notes: list[str]) -> list[str]:
    """The table of calls: contenders, the ratio to the best peer, the arena; the geometric means below."""
    summary = report["summary"][threads]
    rows = [["", *report["contenders"], "best peer", "ratio", "undisturbed", "arena"]]
    for title, model in report["models"].items():
        results = model["results"][threads]
        cells = [_cell_or_failure(title, model, threads, contender, notes) for contender in report["contenders"]]
        best = summary["best"].get(title)
        ours = results.get("edgeload")
        arena = amount(ours[0]["arena"], ((2**20, "MiB"), (2**10, "KiB"), (1, "B"))) if ours else ""
        ratios = [f"{best['ratio']:.2f}", f"{best['undisturbed ratio']:.2f}"] if best else ["", ""]
        rows.append([title, *cells, best["peer"] if best else "", *ratios, arena])
    means = summary["geometric means"]
    if summary["geometric mean"] is not None:
        cells = [f"{means[contender]:.2f}x" if contender in means else "" for contender in report["contenders"]]
        both = [f"{summary[name]:.2f}" for name in ("geometric mean", "undisturbed geometric mean")]
        rows.append(["geometric mean, by edgeload", *cells, "", *both, ""])
    return aligned(rows)


def _cell_or_failure(title: str, model: Report, threads: str, contender: str, notes: list[str]) -> str:
    results = model["results"][threads].get(contender)
    if results:
        return cell([result["call"] for result in results])
    kind, text = model["failures"][contender]
    note = f"{title}, {contender}: {text.splitlines()[-1][:EXPLAINED_CHARACTERS]}"
    numbers = [index for index, known in enumerate(notes, 1) if known.partition(" ")[2] == note]
    if not numbers:
        notes.append(f"[{len(notes) + 1}] {note}")
        numbers = [len(notes)]
    return f"{kind} [{numbers[0]}]"


def _table(report: Report, threads: str, row: str, units: Sequence[tuple[float, str]] = TIME_UNITS) -> list[str]:
    rows = [["", *report["contenders"]]]
    for title, model in report["models"].items():
        results = model["results"][threads]
        cells = [
            cell([result[row] for result in results[contender]], units) if contender in results else "-"
            for contender in report["contenders"]
        ]
        rows.append([title, *cells])
    return aligned(rows)


def _differences(report: Report) -> list[str]:
    rows = [["", "to", *report["contenders"]]]
    for title, model in report["models"].items():
        differences = model["differences"]
        cells = [f"{differences[name]:.1e}" if name in differences else "-" for name in report["contenders"]]
        rows.append([title, model["reference"], *cells])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def cell(values: Sequence[float], units: Sequence[tuple[float, str]] = TIME_UNITS) -> str:
    """Median and spread: `8.70 ms (8.61 .. 9.02)`."""
    middle = statistics.median(values)
    size, unit = next((unit for unit in units if middle >= unit[0]), units[-1])
    decimals = decimals_of(middle / size)
    texts = [f"{value / size:.{decimals}f}" for value in (middle, min(values), max(values))]
    return f"{texts[0]} {unit} ({texts[1]} .. {texts[2]})"


def amount(value: float, units: Sequence[tuple[float, str]]) -> str:
    """One number with its unit."""
    size, unit = next((unit for unit in units if value >= unit[0]), units[-1])
    return f"{value / size:.{decimals_of(value / size)}f} {unit}"


def decimals_of(value: float) -> int:
    """How many decimals show three digits of a number."""
    return max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
