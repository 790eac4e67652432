"""Load that is not ours: wrk as fast as it goes, h2load at a rate."""

import re, subprocess, sys, time

import process

CONNECTIONS = 64
# Of a run at a rate: connecting, handshakes and first buffers are no part of the latency.
WARM_UP_US = 500_000


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def saturate(pid, url, seconds):
    """As many requests as 64 connections bring one after the other."""
    before = process.cpu_seconds(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu = process.cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{url} failed requests, so its figures mean nothing:\n{out}")
    found = re.search(r"99%\s+([\d.]+(?:us|ms|s))", out)
    if not found:
        sys.exit(f"wrk says no p99 for {url}:\n{out}")
    p99 = milliseconds(found.group(1))
    return {"cpu_us": cpu / requests * 1e6, "p99_ms": p99, "rps": requests / seconds}


def paced(pid, url, rate, seconds, log):
    """`rate` requests per second, spread over the time: each connection has its own clock of 10 ms, and they start a
    millisecond after each other. (h2load's own timing starts all at once, and then measures how fast 64 requests that
    come together are answered.)"""
    each = max(1, round(rate * seconds / CONNECTIONS))
    command = ["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", f"-n{each * CONNECTIONS}",
               f"--rps={rate / CONNECTIONS:.3f}", "-r1", "--rate-period=1ms", f"--log-file={log}", url]
    before, start = process.cpu_seconds(pid), time.monotonic()
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(seconds * 0.7)
    memory = process.memory_mib(pid)
    out = running.communicate()[0]
    took, cpu = time.monotonic() - start, process.cpu_seconds(pid) - before
    if running.returncode or f"{each * CONNECTIONS} succeeded, 0 failed" not in out:
        sys.exit(f"{url} failed requests, so its figures mean nothing:\n{out}")
    rows = [[int(word) for word in line.split()] for line in log.read_text().splitlines()]
    log.unlink()
    first = min(row[0] for row in rows) + WARM_UP_US
    times = sorted(row[2] for row in rows if row[0] >= first)
    if not times:
        sys.exit("a run at a rate must be longer than its first half second")
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] / 1000
    return {"p50_ms": at(0.5), "p99_ms": at(0.99), "rps": len(rows) / took, "cpu_us": cpu / len(rows) * 1e6, **memory}
