#!/usr/bin/env python3
"""CPU of the matching engine against DuckDB and pandas, on the same files in the same run.

    python3 bench/engine.py [--rounds 3] [--rows 1000000] [--out DIR]

Builds `recon-match` (release), makes a virtual environment with the peers, writes two CSV files, and runs each
contestant as a process of its own in the order A B C D D C B A, `rounds` times. CPU is user + system time of all threads.
Ours is that of the whole process; a peer's is counted after its imports, so the peers' start-up is not held
against them. Every contestant must find the number of pairs that is known from how the files were made.
"""
import argparse, json, os, pathlib, resource, statistics, subprocess, sys, time, venv

HERE = pathlib.Path(__file__).resolve().parent
WORKSPACE = HERE.parent.parent
PEERS = ["duckdb==2.0.0", "pandas==3.1.1", "numpy==2.4.6"]


def make_files(rows, out):
    """Left: `rows` rows, unique by (ref, account, ccy). Right: 95 % of them, shuffled; amount within 1 minor unit and
    date within 2 days, but for one in a hundred that is 2 minor units or 3 days off."""
    import numpy as np
    rng = np.random.default_rng(20261121)
    ref = rng.permutation(rows)
    account = rng.integers(100, 1000, rows)
    ccy = np.array(["USD", "EUR", "INR"])[rng.choice(3, rows, p=[.45, .30, .25])]
    minor = rng.integers(100, 100_000, rows)
    day = rng.integers(0, 90, rows)
    write(out / "left.csv", ref, account, ccy, minor, day)
    kept = rng.permutation(rows)[: rows * 95 // 100]
    count = len(kept)
    off = rng.random(count) < 0.01
    by_amount = rng.random(count) < 0.5
    minor_r = minor[kept] + rng.integers(-1, 2, count)
    day_r = day[kept] + rng.integers(-2, 3, count)
    minor_r = np.where(off & by_amount, minor[kept] + 2, minor_r)
    day_r = np.where(off & ~by_amount, day[kept] + 3, day_r)
    write(out / "right.csv", ref[kept], account[kept], ccy[kept], minor_r, day_r)
    return int(count - off.sum())


def write(path, ref, account, ccy, minor, day):
    import numpy as np
    dates = [str(np.datetime64("2026-01-05") + int(d)) for d in range(-5, 100)]
    with open(path, "w") as file:
        file.write("ref,account,ccy,date,amount\n")
        for r, a, c, m, d in zip(ref.tolist(), account.tolist(), ccy.tolist(), minor.tolist(), day.tolist()):
            file.write(f"R{r:07d},{a},{c},{dates[d + 5]},{m // 100}.{m % 100:02d}\n")


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def duckdb_join(out, columns):
    import duckdb
    before = cpu()
    con = duckdb.connect()
    con.execute("SET threads = 2")
    # Detected types make the amount a DOUBLE, where a difference of one cent is not exactly 0.01.
    types, tolerance = ("", "0.015") if columns == "detected" else (
        ", header = true, columns = {'ref': 'VARCHAR', 'account': 'INTEGER', 'ccy': 'VARCHAR', 'date': 'DATE', "
        "'amount': 'DECIMAL(18,2)'}", "0.01")
    pairs = con.execute(f"""
        SELECT count(*) FROM read_csv('{out}/left.csv'{types}) l JOIN read_csv('{out}/right.csv'{types}) r
        USING (ref, account, ccy)
        WHERE abs(l.amount - r.amount) <= {tolerance} AND abs(date_diff('day', l.date, r.date)) <= 2
    """).fetchone()[0]
    return pairs, cpu() - before


def pandas_join(out):
    import pandas
    before = cpu()
    read = lambda name: pandas.read_csv(f"{out}/{name}.csv", parse_dates=["date"], date_format="%Y-%m-%d")
    both = read("left").merge(read("right"), on=["ref", "account", "ccy"], suffixes=("_l", "_r"))
    near = (both.amount_l - both.amount_r).abs() < 0.015
    close = (both.date_l - both.date_r).abs().dt.days <= 2
    return int((near & close).sum()), cpu() - before


def child(name, out):
    """A peer, in its own process."""
    pairs, seconds = pandas_join(out) if name == "pandas" else duckdb_join(out, name.removeprefix("duckdb-"))
    print(json.dumps({"pairs": pairs, "cpu": seconds}))


def measure(name, binary, python, out):
    ours = [binary, f"{out}/left.csv", f"{out}/right.csv", "--mapping", HERE / "mapping.json", "--rules", HERE / "rules.json"]
    command = ours if name == "recon" else [python, __file__, "--child", name, "--out", out]
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    answer = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{name} failed")
    whole = usage.ru_utime + usage.ru_stime
    return {
        "pairs": answer["matches"] if name == "recon" else answer["pairs"],
        "cpu": whole if name == "recon" else answer["cpu"],
        "whole_process_cpu": whole,
        "wall": time.monotonic() - start,
        "rss_mib": usage.ru_maxrss / 1024,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("/tmp/recon-bench"))
    parser.add_argument("--only", help="one contestant alone")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return child(args.child, args.out)
    args.out.mkdir(parents=True, exist_ok=True)
    python = args.out / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(args.out / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    if pathlib.Path(sys.executable) != python:
        os.execv(python, [str(python), *sys.argv])
    build = ["cargo", "build", "-q", "--release", "-p", "recon-core", "--bin", "recon-match", "--message-format", "json"]
    lines = subprocess.run(build, cwd=WORKSPACE, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    binary = next(found for line in lines if (found := json.loads(line).get("executable")))
    stamp = args.out / f"pairs-{args.rows}"
    if not stamp.exists():
        stamp.write_text(str(make_files(args.rows, args.out)))
    wanted = int(stamp.read_text())
    names = [args.only] if args.only else ["recon", "duckdb-declared", "duckdb-detected", "pandas"]
    results = {name: [] for name in names}
    for _ in range(args.rounds):
        for name in names + names[::-1]:
            result = measure(name, binary, python, args.out)
            if result["pairs"] != wanted:
                sys.exit(f"{name} found {result['pairs']} pairs, not {wanted}")
            results[name].append(result)
    report(results, wanted, args)


def report(results, wanted, args):
    table = {}
    for name, runs in results.items():
        middle = lambda key: statistics.median(run[key] for run in runs)
        table[name] = {key: round(middle(key), 3) for key in ("cpu", "whole_process_cpu", "wall", "rss_mib")}
        table[name]["cpu_min"] = round(min(run["cpu"] for run in runs), 3)
        table[name]["cpu_max"] = round(max(run["cpu"] for run in runs), 3)
    sizes = [round((args.out / f"{side}.csv").stat().st_size / 1e6, 1) for side in ("left", "right")]
    print(f"{args.rows} x {args.rows * 95 // 100} rows, {sizes[0]} + {sizes[1]} MB, {wanted} pairs, "
          f"{2 * args.rounds} runs each; medians")
    print(f"{'':18}{'CPU s':>8}{'min':>8}{'max':>8}{'process':>9}{'wall s':>8}{'RSS MiB':>9}")
    for name, row in table.items():
        print(f"{name:18}{row['cpu']:8.3f}{row['cpu_min']:8.3f}{row['cpu_max']:8.3f}"
              f"{row['whole_process_cpu']:9.3f}{row['wall']:8.2f}{row['rss_mib']:9.0f}")
    ratios = {}
    if len(table) > 1:
        ours = table["recon"]["cpu"]
        duckdb = min(table["duckdb-declared"]["cpu"], table["duckdb-detected"]["cpu"])
        ratios = {"duckdb": round(ours / duckdb, 3), "pandas": round(ours / table["pandas"]["cpu"], 3)}
        print(f"recon / best DuckDB = {ratios['duckdb']} (bar 0.8), recon / pandas = {ratios['pandas']} (bar 0.2)")
    print(json.dumps({"rows": args.rows, "pairs": wanted, "megabytes": sizes, "median": table, "ratio": ratios}))


if __name__ == "__main__":
    main()
