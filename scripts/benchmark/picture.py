"""The bars: how long each contender takes, relative to edgeload, with the spread of the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLOURS = {
    "edgeload": "#0b6e4f",
    "litert": "#e08e45",
    "onnxruntime": "#5b8db8",
    "openvino": "#8f6fae",
    "tensorflow": "#b0b0b0",
}
_HEIGHT = 0.55  # inches a model and panel
_SHOWN = 4.0  # relative time; longer bars are cut, and their number is written


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Write the picture; its format is that of the file's name. Needs matplotlib (extra: bench)."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "edgeload"  # the same report gives the same file
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    titles = list(report["models"])
    contenders = [name for name in report["contenders"] if name in COLOURS]
    panels = report["threads"]
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(5.2 * len(panels) + 1.5, _HEIGHT * len(titles) + 1.6), sharey=True, squeeze=False
    )
    width = 0.8 / len(contenders)
    for axis, threads in zip(axes[0], panels, strict=True):
        for place, contender in enumerate(contenders):
            for row, title in enumerate(titles):
                results = report["models"][title]["results"][threads]
                if contender not in results or "edgeload" not in results:
                    continue
                base = statistics.median(result["call"] for result in results["edgeload"])
                values = [result["call"] / base for result in results[contender]]
                middle = statistics.median(values)
                at = row + (place - (len(contenders) - 1) / 2) * width
                axis.barh(at, min(middle, _SHOWN), width, color=COLOURS[contender], zorder=2)
                if middle > _SHOWN:
                    axis.text(_SHOWN, at, f" {middle:.0f}x", va="center", ha="left", fontsize=7)
                else:
                    spread = [min(values), min(max(values), _SHOWN)]
                    axis.plot(spread, [at, at], color="black", linewidth=0.8, zorder=3)
        axis.axvline(1, color=COLOURS["edgeload"], linewidth=1, zorder=1)
        axis.set_xlim(0, _SHOWN * 1.08)
        axis.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0)
        axis.set_yticks(range(len(titles)), titles)
        axis.set_title(f"{threads} thread{'' if threads == '1' else 's'}", fontsize=10)
        axis.set_xlabel("time of a call, edgeload = 1")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].invert_yaxis()
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in contenders]
    figure.legend(handles, contenders, loc="upper center", ncols=len(contenders), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=150, metadata=metadata)
    pyplot.close(figure)
