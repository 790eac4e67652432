"""What the benches of this folder share: the app that is changed, the clients that keep count, what the app answers."""

import collections, json, os, pathlib, re, shutil, subprocess, sys, threading, time, urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PORT = 18480


def plimsoll_binary():
    if os.environ.get("PLIMSOLL"):
        return pathlib.Path(os.environ["PLIMSOLL"]).resolve()
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "plimsoll"], cwd=ROOT, check=True)
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, check=True,
                              capture_output=True, text=True)
    target = pathlib.Path(json.loads(metadata.stdout)["target_directory"])
    return sorted(target.glob("**/release/plimsoll"), key=lambda path: path.stat().st_mtime)[-1]


# What the file says of each strategy.
HOW = {"canary": 'steps = [{ weight = "10%", hold = "15s" }, { weight = "50%", hold = "15s" }]',
       "blue-green": 'keep_warm = "30s"'}


class App:
    """A copy of the app in `folder`. With `tables` each greeting has a routing table of its own, which says so in every
    answer (`x-table`)."""

    def __init__(self, folder, binary, how=HOW, tables=False):
        self.folder, self.binary, self.how, self.tables = folder, binary, how, tables
        shutil.copytree(HERE / "app", folder, ignore=shutil.ignore_patterns("target", ".plimsoll"))
        self.file = folder / "plimsoll.toml"
        self.text = self.file.read_text()

    def settings(self, greeting, faults=None, strategy="rolling"):
        lines = []
        for line in self.text.splitlines():
            if "@greeting" in line:
                line = f'GREETING = "{greeting}"'
            elif "@faults" in line:
                line = "\n".join(f'{name} = "{value}"' for name, value in (faults or {}).items())
            elif "@table" in line:
                line = f'headers = {{ x-table = "{greeting}" }}' if self.tables else ""
            elif "@strategy" in line:
                line = f'strategy = "{strategy}"\n{self.how.get(strategy, "")}'
            lines.append(line)
        self.file.write_text("\n".join(lines) + "\n")

    def run(self, *words, check=True):
        began = time.monotonic()
        done = subprocess.run([self.binary, *words, "--format", "json"], cwd=self.folder, capture_output=True, text=True)
        took = time.monotonic() - began
        if check and done.returncode != 0:
            sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr[-4000:]}")
        last = done.stdout.splitlines()[-1:]
        is_document = last and last[0].startswith("{")
        return done.returncode, (json.loads(last[0]) if is_document else {}), took, done.stderr

    def down(self):
        self.run("down", "--data", "--confirm", "subject", check=False)


class Load:
    def __init__(self, rate, sockets):
        words = [sys.executable, HERE / "client.py", "127.0.0.1", str(PORT), str(rate), str(sockets)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self, segments=False):
        out, _ = self.process.communicate()
        document = json.loads(out)
        if not segments:
            document.pop("segments")
        return document


class Theirs:
    """h2load at a fixed rate, in slices, because it says what it saw only at its end; what its summaries add up to."""

    SLICE_S, CLIENTS = 10, 10
    SUMMARY = re.compile(r"^requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored", re.M)
    STATUS = re.compile(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", re.M)

    def __init__(self, rate, sockets):
        self.ours = Load(0, sockets)
        self.rate, self.stopped, self.sums = rate, threading.Event(), collections.Counter()
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()

    def ask(self):
        while not self.stopped.is_set():
            out = subprocess.run(["h2load", "--h1", "-c", str(self.CLIENTS), "--rps", str(self.rate // self.CLIENTS),
                                  "-D", str(self.SLICE_S), f"http://127.0.0.1:{PORT}/"], capture_output=True, text=True).stdout
            names = ("total", "succeeded", "failed", "errored"), ("2xx", "3xx", "4xx", "5xx")
            for pattern, keys in zip((self.SUMMARY, self.STATUS), names):
                self.sums.update(dict(zip(keys, map(int, pattern.search(out).groups()))))

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return {"h2load": dict(self.sums), **self.ours.stop()}


def ask(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=10) as answer:
        return answer.read().decode().strip()


def quantiles(values):
    values = sorted(values)
    return {"min": values[0], "median": values[len(values) // 2], "max": values[-1]} if values else None
