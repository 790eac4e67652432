"""Orders for a shim without a supervisor, as the benches of this folder give them."""

import hashlib, json, os, pathlib, struct, subprocess

USER = 2_100_001_001
MEMORY, PIDS = 64 << 20, 32
RESTART = {"backoff": {"base_ms": 100, "cap_ms": 1000}, "give_up_after": 1, "window_ms": 1000, "stable_ms": 1000}


def order(command, root, cpu_millis, **others):
    return {
        "id": "bench", "kind": "job", "service": "bench", "release": "", "command": command, "env": {},
        "workdir": "/", "isolation": "contained", "binds": [], "secrets_dir": "/run/secrets", "root": root,
        "user": {"uid": USER, "gid": USER, "name": "app", "inside": 1001},
        "limits": {"cpu_millis": cpu_millis, "memory_bytes": MEMORY, "pids": PIDS, "open_files": 0},
        "ports": {}, "listeners": [], "logs": {"max_bytes": 1 << 20, "keep_ms": 60_000}, "stop_signal": "term",
        "grace_ms": 1000, "drain_ms": 0, "health": None, "warm_up": None, "restart": RESTART, **others,
    }


def image(rootfs):
    return {"image": {"rootfs": str(rootfs), "digest": "sha256:" + hashlib.sha256(b"bench").hexdigest()}}


def hierarchies():
    """Where kernel groups are, as a supervisor finds it once in its life."""
    places, wanted = [], ("memory", "cpu", "cpuacct", "pids")
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        kind, _, options = after.split(" ", 2)
        mount = before.split(" ")[4]
        words = options.split(",") if kind == "cgroup" else []
        if kind == "cgroup2":
            words = pathlib.Path(mount, "cgroup.controllers").read_text().split()
        controllers = [name for name in wanted if name in words]
        if controllers and controllers != ["cpuacct"]:
            places.append({"version": "1" if kind == "cgroup" else "2", "mount": mount, "controllers": controllers})
    return places


def prepare(place, order, number, group, ports):
    """What a supervisor makes before it starts a shim."""
    (place / "log").mkdir(parents=True)
    (place / "root").mkdir()
    spec = {"format": "plimsoll.spec", "version": 1, "order": order, "generation": number, "ports": ports,
            "token": f"{number:032x}", "group": group, "hierarchies": hierarchies()}
    (place / "spec.json").write_text(json.dumps(spec))


def carried(tool, folder):
    """The shim that `tool` carries, in a file, as its supervisor executes it; the path."""
    path = pathlib.Path(folder) / "shim"
    path.write_bytes(subprocess.run([tool, "__shim-program"], check=True, capture_output=True).stdout)
    path.chmod(0o700)
    return str(path)


def secrets():
    """What a shim reads from its standard input: none."""
    text = json.dumps({"files": {}, "env": {}}).encode()
    return struct.pack(">I", len(text)) + text
