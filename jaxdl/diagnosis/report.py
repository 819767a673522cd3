"""A diagnosis as text, and as a page that stands alone: no script, no font or image from elsewhere, all text escaped."""

import math
from html import escape
from string import Template

from jaxdl.decomposition.noise import NoiseEstimate
from jaxdl.decomposition.table import Block
from jaxdl.decomposition.typesetting import lines, wrapped
from jaxdl.diagnosis.found import TOGETHER, Diagnosis, Number
from jaxdl.diagnosis.next_step import next_step

NAMES = {
    TOGETHER: "bias² + noise",
    "variance[data]": "variance: training rows",
    "variance[seed]": "variance: seed",
    "risk": "risk, their sum",
}
COLORS = {
    TOGETHER: "#0072B2",
    "variance[data]": "#E69F00",
    "variance[seed]": "#009E73",
}


def as_text(found: Diagnosis, file: str) -> str:
    """The report for a terminal of 100 columns."""
    table = Block("", ("part of the risk", "estimate", "share", "95 % interval"), tuple(table_of(found)))
    parts = (
        wrapped(heading_of(found, file)),
        lines(table),
        wrapped(facts_of(found)),
        wrapped([f"next: {next_step(found)}"]),
        wrapped([f"note: {note}" for note in notes_of(found)]),
    )
    return "\n\n".join(parts)


def table_of(found: Diagnosis) -> list[tuple[str, str, str, str]]:
    """Each part of the risk with its interval and its share."""
    risk = found.terms["risk"].estimate
    return [
        (
            NAMES[name],
            _figure(number.estimate),
            f"{number.estimate / risk:.0%}" if risk > 0 else "none",
            f"{_figure(number.low)} to {_figure(number.high)}",
        )
        for name, number in found.terms.items()
    ]


def heading_of(found: Diagnosis, file: str) -> list[str]:
    """What was done."""
    loss = "squared error" if found.task == "regression" else "0-1 loss, parts by Kohavi and Wolpert"
    return [
        f"{file}: {found.target} by {found.described}; {found.task}, {loss}",
        f"{found.num_runs} fits to {found.training_size} of {found.num_pool} rows, tested on {found.num_test} others; all parts "
        f"are those of fresh training sets of {found.training_size} rows, corrected for drawing from one table",
    ]


def facts_of(found: Diagnosis) -> list[str]:
    """Noise, bias², the constant, and the learning curve, a line each."""
    risk, curve = found.terms["risk"].estimate, found.forecast
    typical = f", a typical error of {_figure(math.sqrt(max(risk, 0)))}" if found.task == "regression" else ""
    low, high = found.noise
    measured = ", ".join(f"{_figure(value)} at {size}" for size, value in zip(curve.sizes, curve.risks, strict=True))
    lines = [
        f"risk: {_figure(risk)}{typical}; the best constant has {_figure(found.constant_risk)}",
        f"noise: {_end(low)}" if low == high else f"noise: between {_end(low)} and {_end(high)}",
        f"bias²: between {_figure(found.bias_squared.low)} and {_figure(found.bias_squared.high)}; one table gives no estimate",
        f"learning curve: risk {measured} rows",
    ]
    return [
        *lines,
        *(f"forecast at {size} rows{_whose(found, size)}: {_told(each)}" for size, each in curve.ahead.items()),
    ]


def notes_of(found: Diagnosis) -> list[str]:
    """What a reader must know besides."""
    notes = list(found.notes)
    if found.forecast.misfit < 0.05:
        notes.append("the risks follow no power law, so that the forecast is worth little")
    notes.append(
        "numbers are conditional on this table and one split of it; variance by training rows holds to first order"
    )
    return notes


def as_page(found: Diagnosis, file: str) -> str:
    """The report as HTML."""
    head, detail = heading_of(found, file)
    rows = "\n".join(
        f"<tr><td>{_dot(name)}{escape(row[0])}</td>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for name, row in zip(found.terms, table_of(found), strict=True)
    )
    return PAGE.substitute(
        title=escape(f"What limits {found.target}"),
        head=escape(head),
        detail=escape(detail),
        step=escape(next_step(found)),
        bar=_bar(found),
        rows=rows,
        facts="\n".join(f"<li>{escape(line)}</li>" for line in facts_of(found)),
        curve=_curve(found),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in notes_of(found)),
    )


def _told(number: Number) -> str:
    return f"{_figure(number.estimate)} (90 % interval {_figure(number.low)} to {_figure(number.high)})"


def _figure(value: float) -> str:
    """Four digits, and no exponent where there is room without one."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def _end(bound: NoiseEstimate) -> str:
    """One end of the bracket, with what it comes from."""
    if bound.method == "zero":
        return "0 (as for any variance)"
    return f"{_figure(bound.estimate)} ± {bound.standard_error:.2g} ({bound.method.replace('_', ' ')})"


def _whose(found: Diagnosis, size: int) -> str:
    return ", all of this table" if size == found.num_rows else f", {size / found.num_rows:g} times as many"


def _dot(name: str) -> str:
    return f'<i style="background:{COLORS[name]}"></i>' if name in COLORS else ""


def _bar(found: Diagnosis) -> str:
    """The parts as widths; negative estimates have none."""
    heights = {name: max(found.terms[name].estimate, 0.0) for name in found.terms if name != "risk"}
    total = sum(heights.values()) or 1.0
    return "".join(
        f'<b style="width:{100 * height / total:.2f}%;background:{COLORS[name]}" title="{escape(NAMES[name])}"></b>'
        for name, height in heights.items()
    )


def _curve(found: Diagnosis) -> str:
    """The measured risks with two standard errors, and the forecasts, on a logarithmic axis of rows."""
    curve = found.forecast
    points = [
        (int(size), float(risk), float(risk - 2 * error), float(risk + 2 * error), "#0072B2")
        for size, risk, error in zip(curve.sizes, curve.risks, curve.standard_errors, strict=True)
    ]
    points += [(size, each.estimate, each.low, each.high, "#888888") for size, each in curve.ahead.items()]
    top = 1.1 * max(high for *_, high, _ in points) or 1.0
    first, last = math.log(points[0][0]), math.log(points[-1][0])

    def place(size: int, risk: float) -> tuple[float, float]:
        return 50 + 320 * (math.log(size) - first) / (last - first), 170 - 150 * min(max(risk / top, 0.0), 1.0)

    marks = []
    for size, risk, low, high, color in points:
        (x, y), (_, bottom), (_, above) = place(size, risk), place(size, low), place(size, high)
        marks.append(f'<path d="M{x:.1f} {bottom:.1f}V{above:.1f}" stroke="{color}" stroke-width="2"/>')
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>')
        marks.append(f'<text x="{x:.1f}" y="188" text-anchor="middle">{size}</text>')
    line = " ".join("{:.1f},{:.1f}".format(*place(size, risk)) for size, risk, *_ in points)
    axis = f'<path d="M50 20V170H380" fill="none" stroke="#999"/><text x="46" y="24" text-anchor="end">{top:.2g}</text>'
    axis += '<text x="46" y="174" text-anchor="end">0</text><text x="215" y="205" text-anchor="middle">rows to train on</text>'
    return (
        f'<svg viewBox="0 0 400 210" role="img" aria-label="risk by rows">{axis}<polyline points="{line}" fill="none" '
        f'stroke="#bbb"/>{"".join(marks)}</svg>'
    )


PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:1rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem;overflow-wrap:anywhere} p,li{overflow-wrap:anywhere}
.step{border-left:4px solid #0072B2;padding:.5rem 1rem;background:#f3f7fa;font-weight:600}
.bar{display:flex;height:1.6rem;border-radius:4px;overflow:hidden} .bar b{display:block}
.wide{overflow-x:auto} table{border-collapse:collapse;width:100%} td,th{padding:.3rem .4rem;text-align:right}
@media(max-width:30rem){table{font-size:.85rem}ul{padding-left:1.2rem}}
td:first-child,th:first-child{text-align:left} tr{border-bottom:1px solid #ddd} tr:last-child{font-weight:600}
i{display:inline-block;width:.7em;height:.7em;margin-right:.4em;border-radius:50%}
svg{width:100%;max-width:30rem;font-size:11px} small,.notes{color:#555;font-size:.9rem}
</style></head><body>
<h1>$title</h1>
<p>$head</p>
<p class="step">$step</p>
<div class="bar">$bar</div>
<div class="wide"><table><thead><tr><th>part of the risk</th><th>estimate</th><th>share</th><th>95&nbsp;% interval</th></tr></thead>
<tbody>
$rows
</tbody></table></div>
<p><small>$detail</small></p>
<ul>
$facts
</ul>
<figure style="margin:0">$curve<figcaption><small>Risk against rows to train on: measured with two standard errors (blue), and
forecast with 90&nbsp;% intervals (grey).</small></figcaption></figure>
<ul class="notes">
$notes
</ul>
</body></html>
""")
