"""The reader study under load and under kills, beside the same routes in FastAPI.

Usage: .venv/bin/python bench/study/run.py DOPPELRAY LOAD [OUT [STEP]...]
  DOPPELRAY  the release binary;  LOAD  the release example study-load;  OUT  a folder to work in (default: a temporary one)
Four runs of 200 readers with 60 cases each over the loopback: paced (p99), paced with ten kill -9, without a pause (requests/s), and
without a pause against bench/study/peer.py with one and with two workers.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

READERS, CASES, THINK = 200, 30, 500
DOPPELRAY, LOAD = (str(Path(p).resolve()) for p in sys.argv[1:3])
OUT = Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
HERE = Path(__file__).parent


def run(*words):
    return subprocess.run([DOPPELRAY, *map(str, words)], check=True, capture_output=True, text=True).stdout


def study(name):
    """A study of 60 cases and the secrets of its readers."""
    folder = OUT / name
    if folder.exists():
        shutil.rmtree(folder)
    run("study", "new", OUT / "real", OUT / "fakes", "--out", folder, "--design", "real-or-fake", "--count", CASES)
    links = json.loads(run("--json", "study", "invite", folder, "--count", READERS))
    (OUT / f"{name}.links").write_text("\n".join(link["link"].rsplit("/", 1)[1] for link in links))
    return folder


class Server:
    def __init__(self, command, port, environment=None):
        self.command, self.port, self.environment, self.peak = command, port, environment, 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, env={**os.environ, **(self.environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(400):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/assets/style.css", timeout=1)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("the server does not start")

    def memory(self):
        """Peak resident memory of the process and its children, in MiB."""
        pids = [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids += [int(p) for p in children.read_text().split()] if children.exists() else []
        total = 0
        for pid in pids:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
        self.peak = max(self.peak, total / 1024)
        return self.peak

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()


def load(name, port, think):
    out = subprocess.run([LOAD, f"127.0.0.1:{port}", OUT / f"{name}.links", str(think)], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def told(name, result, memory=None):
    images, answers = result["images_ms"], result["answers_ms"]
    line = f"{name}: {len(answers)} answers in {result['seconds']:.1f} s, {(len(images) + len(answers)) / result['seconds']:.0f} requests/s; "
    line += f"answer p50 {quantile(answers, .5):.1f} p99 {quantile(answers, .99):.1f} ms, image p50 {quantile(images, .5):.1f} p99 {quantile(images, .99):.1f} ms"
    print(line + (f"; peak memory {memory:.0f} MiB" if memory else ""), flush=True)


def check(folder, result):
    """Nothing lost, nothing twice: what was confirmed is there exactly once, and the log's hashes hold."""
    db = sqlite3.connect(folder / "study.db")
    kept = [f"{key}" for (key,) in db.execute("SELECT key FROM answers")]
    confirmed = set(result["confirmed"])
    expected = READERS * (2 * CASES + 4)
    assert len(kept) == len(set(kept)) == expected, (len(kept), len(set(kept)), expected)
    assert confirmed == set(kept), "an answer that was confirmed is not there"
    assert not result["refused"], result["refused"][:5]
    run("study", "freeze", folder)
    run("study", "unblind", folder)
    run("study", "report", folder)
    print(f"  every one of {expected} answers is there once; the log's hashes hold", flush=True)


def served(folder, port):
    return Server([DOPPELRAY, "study", "serve", folder, "--listen", f"127.0.0.1:{port}"], port)


def paced():
    folder = study("paced")
    server = served(folder, 8401)
    result = load("paced", 8401, THINK)
    told("paced", result, server.memory())
    server.kill(signal.SIGTERM)
    check(folder, result)


def killed():
    folder = study("killed")
    server = served(folder, 8402)
    kills = 0

    def killer():
        nonlocal kills
        for _ in range(10):
            time.sleep(2.5)
            server.memory()
            server.kill()
            kills += 1
            server.start()

    thread = threading.Thread(target=killer)
    thread.start()
    result = load("killed", 8402, THINK)
    thread.join()
    told(f"killed {kills} times", result, server.memory())
    server.kill(signal.SIGTERM)
    check(folder, result)


def unpaced():
    folder = study("unpaced")
    server = served(folder, 8403)
    result = load("unpaced", 8403, 0)
    told("without a pause", result, server.memory())
    server.kill(signal.SIGTERM)
    check(folder, result)


def peer(workers):
    database = OUT / f"peer{workers}.db"
    for file in OUT.glob(f"peer{workers}.db*"):
        file.unlink()
    size = int(next(line.split("=")[1] for line in (OUT / "unpaced/study.toml").read_text().splitlines() if line.startswith("size")))
    depth = int(next(line.split("=")[1] for line in (OUT / "unpaced/study.toml").read_text().splitlines() if line.startswith("depth")))
    environment = {"PEER_DB": str(database), "PEER_PIXELS": str(OUT / "unpaced/pixels.bin"), "PEER_SIZE": str(size * size * depth // 8), "PEER_CASES": str(2 * CASES)}
    port = 8404 + workers
    server = Server([sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "peer:app", "--port", str(port), "--workers", str(workers), "--log-level", "error"], port, environment)
    import hashlib
    db = sqlite3.connect(database)
    secrets = (OUT / "unpaced.links").read_text().split()
    db.executemany("INSERT INTO people (token) VALUES (?)", [(hashlib.sha256(s.encode()).hexdigest(),) for s in secrets])
    db.commit()
    (OUT / f"peer{workers}.links").write_text("\n".join(secrets))
    result = load(f"peer{workers}", port, 0)
    told(f"FastAPI, {workers} workers, without a pause", result, server.memory())
    server.kill(signal.SIGTERM)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name, seed in (("real", 1), ("fakes", 2)):
        if not (OUT / name).exists():
            run("phantom", "--out", OUT / name, "--count", 240, "--size", 224, "--seed", seed)
    print(os.uname().release, os.cpu_count(), "cores, load", os.getloadavg(), flush=True)
    for step in sys.argv[4:] or ("paced", "killed", "unpaced", "peer1", "peer2"):
        peer(int(step[-1])) if step.startswith("peer") else globals()[step]()
