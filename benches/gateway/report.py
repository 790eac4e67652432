"""Medians, ratios and the tables of a run."""

import statistics

from sides import NAMES

SCHEMES = ("http", "https")
# The bars; what is not named has none.
CPU = {("http", "nginx"): 1.0, ("https", "nginx"): 0.8, ("http", "haproxy"): 0.85, ("https", "haproxy"): 0.85}
UNDER_LOAD_MIB, IDLE_MIB = 40, 150


def medians(cells):
    """For each key the median over runs, and the lowest CPU: the run that others disturbed least."""
    result = {key: statistics.median(cell[key] for cell in cells) for key in cells[0]}
    return {**result, "lowest_cpu_us": min(cell["cpu_us"] for cell in cells)}


def summary(cells):
    """By phase, scheme and side; a phase that was not run is empty."""
    rows = {"full": {}, "paced": {}}
    for (phase, scheme, name), runs in cells.items():
        rows[phase].setdefault(scheme, {})[name] = medians(runs)
    return rows


def bar(value, bound, form="{:.2f}"):
    """With the bound beside it, so that nobody has to know it."""
    return f"**{form.format(value)}** ({'≤' if value <= bound else 'above'} {form.format(bound)})"


def full_table(rows):
    lines = ["| 64 connections, as fast as it goes | nginx | ours | HAProxy | ours / nginx | ours / HAProxy |",
             "| --- | --- | --- | --- | --- | --- |"]
    for scheme in SCHEMES:
        of = rows["full"][scheme]
        cpu = [f"{of[name]['cpu_us']:.1f} / {of[name]['lowest_cpu_us']:.1f}" for name in NAMES]
        ratios = []
        for other in ("nginx", "haproxy"):
            ratio, lowest = (of["ours"][key] / of[other][key] for key in ("cpu_us", "lowest_cpu_us"))
            ratios.append(f"{bar(ratio, CPU[scheme, other])}, lowest {lowest:.2f}")
        lines.append(f"| {scheme}: CPU µs per request (median / lowest) | {' | '.join(cpu + ratios)} |")
        lines.append(line(f"{scheme}: p99 ms", of, "p99_ms", "{:.2f}"))
        lines.append(line(f"{scheme}: requests per second", of, "rps", "{:.0f}"))
    return "\n".join(lines)


def line(title, of, key, form):
    values = [form.format(of[name][key]) for name in NAMES]
    ratios = [f"{of['ours'][key] / of[other][key]:.2f}" for other in ("nginx", "haproxy")]
    return f"| {title} | {' | '.join(values + ratios)} |"


def paced_table(rows, rates):
    lines = ["| 64 connections, 70 % of nginx's peak, evenly paced | nginx | ours | HAProxy | ours / nginx | "
             "ours / HAProxy |", "| --- | --- | --- | --- | --- | --- |"]
    for scheme in SCHEMES:
        of = rows["paced"][scheme]
        p99 = [f"{of[name]['p99_ms']:.2f}" for name in NAMES]
        ratios = [of["ours"]["p99_ms"] / of[other]["p99_ms"] for other in ("nginx", "haproxy")]
        lines.append(f"| {scheme}, {rates[scheme]:.0f}/s: p99 ms | {' | '.join(p99)} | {bar(ratios[0], 1.0)} "
                     f"| {ratios[1]:.2f} |")
        lines.append(line(f"{scheme}: p50 ms", of, "p50_ms", "{:.2f}"))
        lines.append(line(f"{scheme}: requests per second", of, "rps", "{:.0f}"))
        lines.append(line(f"{scheme}: CPU µs per request", of, "cpu_us", "{:.1f}"))
        rss = bar(of["ours"]["rss"], UNDER_LOAD_MIB, "{:.1f}")
        lines.append(f"| {scheme}: RSS MiB | {of['nginx']['rss']:.1f} (PSS {of['nginx']['pss']:.1f}) | {rss} "
                     f"| {of['haproxy']['rss']:.1f} | | |")
    return "\n".join(lines)


def idle_table(idle, count):
    lines = [f"| {count} idle connections | before, PSS MiB | with them | KiB each |", "| --- | --- | --- | --- |"]
    for (scheme, name), cell in idle.items():
        after = f"{cell['after']:.1f}"
        if name == "ours" and count == 10_000:
            after = bar(cell["after"], IDLE_MIB, "{:.1f}")
        each = (cell["after"] - cell["before"]) * 1024 / count
        lines.append(f"| {scheme}, {name} | {cell['before']:.1f} | {after} | {each:.1f} |")
    return "\n".join(lines)
