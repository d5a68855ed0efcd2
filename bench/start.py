"""Starting: seconds to the first answer, memory at rest, what is installed."""

import importlib.metadata
import time
from pathlib import Path

from bench.server import Server


def main() -> None:
    server = Server()
    with server:
        server.stop()
        again = server.start()
        time.sleep(3)
        print(f"a later start: {again:.2f} s to the first answer")
        print(f"at rest: {server.pss():.0f} MB proportional set size in {len(server.pids())} processes")
    packages = list(importlib.metadata.distributions())
    folder = Path(str(packages[0].locate_file("")))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"installed: {len(packages)} packages, {size / 1e6:.0f} MB")
