"""
Run the benchmarks: each `bench_*.py` beside this file, or those named, one after the other.

`./dev bench` calls this with the addresses of a PostgreSQL and Valkey of their own in the environment:
durable, migrated, with the catalogue loaded.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def chosen(names: list[str]) -> list[Path]:
    known = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    return [known[name] for name in names] if names else list(known.values())


def main(names: list[str]) -> int:
    failed = []
    for path in chosen(names):
        print(f"== {path.stem.removeprefix('bench_')}", flush=True)
        # A process each, so that one benchmark's memory and connections do not weigh on the next.
        if subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"], cwd=HERE.parent).returncode != 0:
            failed.append(path.stem)
    print(f"failed: {', '.join(failed)}" if failed else "all benchmarks ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
