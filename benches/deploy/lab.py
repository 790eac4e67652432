"""What the benches of this folder share: the app that is changed, the clients that keep count, what the app answers."""

import json, os, pathlib, shutil, subprocess, sys, time, urllib.request

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
    """h2load at a fixed rate; its own summary is the result."""

    def __init__(self, rate, sockets):
        self.ours = Load(0, sockets)
        clients = 10
        self.process = subprocess.Popen(["h2load", "--h1", "-c", str(clients), "--rps", str(rate // clients), "-D", "36000",
                                         f"http://127.0.0.1:{PORT}/"], stdout=subprocess.PIPE, text=True)

    def stop(self):
        self.process.send_signal(2)
        out, _ = self.process.communicate()
        kept = [line for line in out.splitlines() if line.startswith(("requests:", "status codes:", "finished in"))]
        return {"h2load": kept, **self.ours.stop()}


def ask(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=10) as answer:
        return answer.read().decode().strip()


def quantiles(values):
    values = sorted(values)
    return {"min": values[0], "median": values[len(values) // 2], "max": values[-1]} if values else None
