"""What /proc says of a process and its children."""

import os, pathlib, re

TICKS = os.sysconf("SC_CLK_TCK")


def fields(pid):
    """The fields of `stat` behind the name; nothing where the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def family(pid):
    pids = (int(entry.name) for entry in pathlib.Path("/proc").glob("[0-9]*"))
    return [pid, *(each for each in pids if (fields(each) or [0, -1])[1] == str(pid))]


def cpu_seconds(pid):
    found = [fields(each) for each in family(pid)]
    return sum(int(each[11]) + int(each[12]) for each in found if each) / TICKS


def memory_mib(pid):
    """Proportional and resident size: what nginx's workers share is counted once in the first, per worker in the
    second."""
    total = {"Pss": 0, "Rss": 0}
    for each in family(pid):
        try:
            text = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        for name in total:
            total[name] += int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))
    return {"pss": total["Pss"] / 1024, "rss": total["Rss"] / 1024}
