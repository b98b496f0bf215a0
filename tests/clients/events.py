"""Opens a run with TensorBoard, by its reader and by its server, and holds what it finds against the run's log.

Usage: .venv/bin/python tests/clients/events.py RUN
Needs: pip install tensorboard pillow setuptools
"""

import io
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

try:
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError as missing:
    sys.exit(print(f"{missing.name} is not installed, skipped"))

run = Path(sys.argv[1]).resolve()
ticks = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
events = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0}).Reload()
tags = events.Tags()
assert tags["scalars"] and tags["images"], tags
for tag in tags["scalars"]:
    found = [(event.step, event.value) for event in events.Scalars(tag)]
    name = {"memory/peak_mib": "memory_mib"}.get(tag, tag.split("/")[-1])
    logged = [(tick["step"], tick[name]) for tick in ticks if name in tick]
    assert [step for step, _ in found] == [step for step, _ in logged], tag
    assert all(abs(a - b) <= 1e-6 * max(1, abs(b)) for (_, a), (_, b) in zip(found, logged)), tag
picture = events.Images(tags["images"][0])[-1]
assert Image.open(io.BytesIO(picture.encoded_image_string)).size == (picture.width, picture.height)

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", str(run), "--port", str(port), "--host", "127.0.0.1"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    shown = {}
    for _ in range(600):
        try:
            shown = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/scalars/tags"))
            if shown:
                break
        except OSError:
            pass
        time.sleep(0.2)
    assert set(next(iter(shown.values()))) == set(tags["scalars"]), shown
finally:
    server.terminate()
    server.wait()
print(f"TensorBoard shows {len(tags['scalars'])} curves and {len(tags['images'])} pictures")
